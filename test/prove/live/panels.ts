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
