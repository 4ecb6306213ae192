import { z } from 'zod';
import {
  type FaultableCall,
  type ChosenFaults,
  chooseFaults,
  type FaultRule,
  faultRule,
  faultRuleShape,
} from './fault-rule';

const NO_FAULTS: ChosenFaults = { delayBeforeMs: 0, delayAfterMs: 0, spoiler: undefined, fired: [] };

/** The fault rules of one provider, in the order in which they are asked. */
export class FaultList {
  private rules: readonly FaultRule[] = [];
  private lastId = 0;

  /** Replaces all rules; throws a ZodError and keeps the old ones when one is wrong. */
  replace(candidate: unknown): readonly FaultRule[] {
    const specs = z.array(faultRuleShape).max(10_000).parse(candidate);
    this.rules = specs.map((spec) => faultRule(this.nextId(), spec));
    return this.rules;
  }

  /** Adds one rule behind the others, so that tests beside each other need not know of one another. */
  add(candidate: unknown): FaultRule {
    const rule = faultRule(this.nextId(), faultRuleShape.parse(candidate));
    this.rules = [...this.rules, rule];
    return rule;
  }

  /** Answers whether there was such a rule. */
  remove(id: string): boolean {
    const before = this.rules.length;
    this.rules = this.rules.filter((rule) => rule.id !== id);
    return this.rules.length < before;
  }

  clear(): void {
    this.rules = [];
  }

  list(): readonly FaultRule[] {
    return this.rules;
  }

  choose(call: FaultableCall): ChosenFaults {
    return this.rules.length === 0 ? NO_FAULTS : chooseFaults(this.rules, call);
  }

  private nextId(): string {
    return `f${++this.lastId}`;
  }
}
