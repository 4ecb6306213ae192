import { setTimeout as sleep } from 'node:timers/promises';
import { readPresentations, readSubjects, readTrail } from '../history/collect';
import type { Scenario } from '../scenario';
import { PROVIDER_RECOVERED_WITHIN_MS, Trial } from '../trial';

const LIFE_SECONDS = 60;
const TOKENS = 150;
/** Until then most tokens have been refreshed once: the backup's are spent. */
const FORGOTTEN_MS = 45_000;

export const setBack: readonly Scenario[] = [
  {
    name: 'database-set-back',
    proves: 'PostgreSQL is restored from a backup, strict provider: the rotated tokens that it forgot are put back',
    weight: 1,
    run: async (surroundings) => {
      const trial = await Trial.prepare(surroundings, { servers: await surroundings.sharedServers(), workers: 2 });
      const { hub } = trial;
      const members = await trial.seed({
        provider: 'shopify',
        count: TOKENS,
        lifeSeconds: LIFE_SECONDS,
        due: 'spread',
        knobs: { rotationGrace: 0 },
      });
      await hub.startApps();
      await sleep(10_000);
      await hub.stopWorkers();
      await hub.database.backUp();
      await hub.startApps();
      await sleep(FORGOTTEN_MS);
      await hub.stopWorkers();
      const known = (await readTrail(hub)).length;
      await hub.database.restore();
      const forgotten = known - (await readTrail(hub)).length;
      const restoredAt = Date.now();
      await hub.startApps();
      const recoveryMs = await trial.recovery();
      await trial.settle();

      const presentations = await readPresentations(hub, 'shopify');
      const subjects = await readSubjects(hub, members);
      const refused = presentations.filter(({ at, accepted }) => at > restoredAt && !accepted).length;
      const needPerson = subjects.filter(({ row }) => row?.status !== 'connected').length;
      const silent = subjects.filter(({ account, refreshPrint, row }) => {
        const last = presentations.findLast((one) => one.account === account && one.accepted);
        return row?.refreshPrint !== (last?.handedOut?.refresh ?? refreshPrint);
      }).length;
      return {
        tokens: TOKENS,
        refreshes: presentations.filter(({ accepted }) => accepted).length,
        faults: 1,
        lapses: { count: 0, note: 'not counted: nothing was there to serve' },
        doubleSpends: { count: refused },
        familiesLost: { count: needPerson },
        silentLosses: { count: silent },
        recoveryMs,
        note: `${forgotten} events forgotten, ${trial.toldOf('hub.database.set_back')} workers put back what they knew`,
        claims: [
          { holds: forgotten > TOKENS / 2, what: `much was forgotten (${forgotten} events): else nothing was shown` },
          { holds: refused === 0, what: `no spent token is presented again (${refused} were)` },
          {
            holds: recoveryMs <= PROVIDER_RECOVERED_WITHIN_MS,
            what: `all is done within ${PROVIDER_RECOVERED_WITHIN_MS / 1000} s`,
          },
        ],
        violations: [],
      };
    },
  },
];
