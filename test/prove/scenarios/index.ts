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
 * All scenarios in the order of their start (`run-all.ts`). One that waits for much room is passed by all others. So the
 * herd comes first, which wants nearly all of the machine; then what takes half of it, each of which gives its room to
 * the next of them; then what takes little, the longest first, so that none is left alone at the end; last what takes
 * all of it.
 */
export const SCENARIOS: readonly Scenario[] = [
  ...herd,
  ...canaries,
  ...keyRotation,
  ...races,
  ...mutation,
  ...alertMutation,
  ...alertsLive,
  ...auditChain,
  ...forgeries,
  ...neighbours,
  ...clocks,
  ...provider,
  ...manners,
  ...setBack,
  ...restarts,
  ...stores,
  ...rules,
  ...kills,
];
