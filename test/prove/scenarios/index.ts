import type { Scenario } from '../scenario';
import { alertMutation } from './alert-mutation';
import { alertsLive } from './alerts-live';
import { auditChain } from './audit-chain';
import { canaries } from './canaries';
import { clocks } from './clocks';
import { forgeries } from './forgeries';
import { herd, neighbours } from './herd';
import { keyRotation } from './key-rotation';
import { kills } from './kills';
import { manners } from './manners';
import { mutation } from './mutation';
import { provider } from './provider';
import { races } from './races';
import { rules } from './rules';
import { setBack } from './set-back';
import { restarts, stores } from './stores';

/**
 * All scenarios in the order of their start (`run-all.ts`). The herd wants nearly all of the machine, and one that waits
 * for so much room is passed by all others: it comes first, beside the mutants of the domain, which take longest of all.
 * Then what takes little of the machine, the longest first, so that none is left alone at the end; last those that take
 * all of it.
 */
export const SCENARIOS: readonly Scenario[] = [
  ...herd,
  ...mutation,
  ...canaries,
  ...keyRotation,
  ...races,
  ...forgeries,
  ...alertsLive,
  ...neighbours,
  ...clocks,
  ...provider,
  ...manners,
  ...setBack,
  ...restarts,
  ...stores,
  ...rules,
  ...auditChain,
  ...alertMutation,
  ...kills,
];
