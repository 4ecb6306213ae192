import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { SCALE } from './scaled-rules';

const FOLDER = 'deploy/dashboards';
/** Grafana's own is four scrapes at the least. */
const RATE_MS = 10_000;

/** An expression of a panel, as Grafana would send it. */
export interface PanelQuery {
  /** `dashboard: panel`. */
  readonly panel: string;
  readonly expr: string;
}

interface DashboardFile {
  readonly panels: readonly PanelFile[];
}
interface PanelFile {
  readonly title?: string;
  readonly targets?: readonly { readonly expr: string }[];
  readonly panels?: readonly PanelFile[];
}

/** Every expression of every panel of deploy/dashboards, its variables filled in, fixed ranges a thirtieth. */
export function panelQueries(): readonly PanelQuery[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .flatMap((file) => {
      const { panels } = JSON.parse(readFileSync(path.join(FOLDER, file), 'utf8')) as DashboardFile;
      const all = panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]);
      return all.flatMap(({ title = '', targets = [] }) =>
        targets.map(({ expr }) => ({ panel: `${path.basename(file, '.json')}: ${title}`, expr: filledIn(expr) })),
      );
    });
}

function filledIn(expr: string): string {
  return expr
    .replaceAll(/\$__(?:rate_interval|interval)/g, `${RATE_MS}ms`)
    .replaceAll('$__range', `${(6 * 3_600_000) / SCALE}ms`)
    .replaceAll(/"\$[a-z_]+"/g, '".+"');
}

const NOBODY_CALLS = 'no product service calls the gateway in this test';
const NO_SYNC = 'nothing is synced in this test';

/** Panels that have no series in the live test, and why. */
export const WITHOUT_DATA: Readonly<Record<string, string>> = {
  'hub-overview: Refreshes in time': 'few refreshes, and none within its window when it is asked',
  'hub-overview: Token reads, time': NOBODY_CALLS,
  'hub-overview: Token reads, outcomes': NOBODY_CALLS,
  'hub-platform: Requests': NOBODY_CALLS,
  'hub-platform: Time of a request, 95 of 100': NOBODY_CALLS,
  'hub-sync: From due to committed, 95 of 100': NO_SYNC,
  'hub-sync: Time of a run, 95 of 100': NO_SYNC,
  'hub-sync: Runs': NO_SYNC,
  'hub-sync: Error rate': NO_SYNC,
  'hub-sync: From event to delivery, 95 of 100': 'nothing is delivered in this test',
};
