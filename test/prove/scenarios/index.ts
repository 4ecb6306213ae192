import type { Scenario } from '../scenario';
import { alertsLive } from './alerts-live';
import { auditChain } from './audit-chain';
import { canaries } from './canaries';
import { clocks } from './clocks';
import { forgeries } from './forgeries';
import { herd } from './herd';
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
 * All scenarios in the order of their start (`run-all.ts`): those that only compute first, and what bears company that
 * computes; then the longest of those that take little of the machine, so that none of them is left alone at the end; then
 * those that take half of it and whose tokens must not lapse meanwhile, when nobody computes any more; last those that
 * take all of it.
 */
export const SCENARIOS: readonly Scenario[] = [
  ...rules,
  ...auditChain,
  ...mutation,
  ...canaries,
  ...alertsLive,
  ...keyRotation,
  ...forgeries,
  ...clocks,
  ...provider,
  ...manners,
  ...races,
  ...setBack,
  ...stores,
  ...herd,
  ...restarts,
  ...kills,
];
