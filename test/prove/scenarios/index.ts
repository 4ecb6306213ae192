import type { Scenario } from '../scenario';
import { alertMutation } from './alert-mutation';
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
import { stores } from './stores';

/**
 * All scenarios in the order of their start (`run-all.ts`): those that only compute first, then the longest of those that
 * take little of the machine, so that none of them is left alone at the end; last those that take all of it.
 */
export const SCENARIOS: readonly Scenario[] = [
  ...rules,
  ...auditChain,
  ...mutation,
  ...alertMutation,
  ...canaries,
  ...forgeries,
  ...clocks,
  ...provider,
  ...manners,
  ...races,
  ...setBack,
  ...keyRotation,
  ...stores,
  ...herd,
  ...alertsLive,
  ...kills,
];
