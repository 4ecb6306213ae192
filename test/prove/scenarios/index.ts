import type { Scenario } from '../scenario';
import { kills } from './kills';
import { rules } from './rules';
import { stores } from './stores';

/** All scenarios, the short ones first. */
export const SCENARIOS: readonly Scenario[] = [...rules, ...stores, ...kills];
