import type { Scenario } from '../scenario';
import { auditChain } from './audit-chain';
import { canaries } from './canaries';
import { clocks } from './clocks';
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

/** All scenarios in the order of their start: those that take little of the machine first, those that take all of it last. */
export const SCENARIOS: readonly Scenario[] = [
  ...rules,
  ...auditChain,
  ...mutation,
  ...canaries,
  ...provider,
  ...manners,
  ...clocks,
  ...races,
  ...setBack,
  ...stores,
  ...herd,
  ...keyRotation,
  ...kills,
];
