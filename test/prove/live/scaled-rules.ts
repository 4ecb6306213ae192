import { readRules, RULE_FILES, type Rule, type RulesFile } from '../../support/alert-rules';

/** How many times faster the rules' time goes in the live test. */
export const SCALE = 30;

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * The rules as they are deployed, in a faster time: every `for`, `keep_firing_for`, `interval` and range is a thirtieth.
 * All else stays as it is, thresholds in seconds as well.
 */
export function scaledRules(): RulesFile {
  const groups = RULE_FILES.flatMap((file) => readRules(file).groups);
  return {
    groups: groups.map((group) => ({
      ...group,
      ...(group.interval && { interval: scaled(group.interval) }),
      rules: group.rules.map(scaledRule),
    })),
  };
}

function scaledRule(rule: Rule): Rule {
  return {
    ...rule,
    expr: scaledRanges(rule.expr),
    ...(rule.for && { for: scaled(rule.for) }),
    ...(rule.keep_firing_for && { keep_firing_for: scaled(rule.keep_firing_for) }),
  };
}

/** An expression whose ranges are a thirtieth. */
export function scaledRanges(expression: string): string {
  return expression.replaceAll(/\[(\d+(?:ms|s|m|h|d))\]/g, (_, range: string) => `[${scaled(range)}]`);
}

function scaled(duration: string): string {
  const [, count, unit = ''] = /^(\d+)(ms|s|m|h|d)$/.exec(duration) ?? [];
  const ms = (Number(count) * (UNIT_MS[unit] ?? Number.NaN)) / SCALE;
  if (!Number.isInteger(ms)) throw new Error(`no duration that can be scaled: ${duration}`);
  return `${ms}ms`;
}
