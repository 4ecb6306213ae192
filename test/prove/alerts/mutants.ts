import { parser } from '@prometheus-io/lezer-promql';
import type { Rule } from '../../support/alert-rules';

/** An alert's rule with one thing changed, so that it no longer says what it should. */
export interface Mutant {
  /** What was changed, for people. */
  readonly what: string;
  readonly rule: Rule;
}

/** Further from a threshold than this, the tests need not come. */
const UP = 1.3;
const DOWN = 0.75;
const LOGIC: readonly string[] = ['And', 'Or', 'Unless'];

/** A part of an expression, and what stands there instead. */
interface Change {
  readonly from: number;
  readonly to: number;
  readonly by: string;
  readonly what: string;
}

/** Every small change of an alert's rule that a test of the alert must notice. @param rule one with an `alert` */
export function mutantsOf(rule: Rule): readonly Mutant[] {
  const { expr, labels, ...rest } = rule;
  const otherSeverity = labels?.['severity'] === 'page' ? 'ticket' : 'page';
  return [
    { what: 'is never true', rule: { ...rule, expr: 'vector(0) > 1' } },
    ...(expr === 'vector(1)' ? [] : [{ what: 'is always true', rule: { ...rule, expr: 'vector(1)' } }]),
    ...changesOf(expr).map(({ from, to, by, what }) => ({
      what,
      rule: { ...rule, expr: expr.slice(0, from) + by + expr.slice(to) },
    })),
    ...timings(rule),
    { what: `has severity ${otherSeverity}`, rule: { ...rest, expr, labels: { ...labels, severity: otherSeverity } } },
  ];
}

function timings(rule: Rule): readonly Mutant[] {
  const { for: held, keep_firing_for: kept, ...rest } = rule;
  const keeps = kept === undefined ? {} : { keep_firing_for: kept };
  const holds = held === undefined ? {} : { for: held };
  const minutes = Number.parseInt(held ?? '0', 10);
  return [
    ...(held === undefined
      ? [{ what: 'fires five minutes late', rule: { ...rest, ...keeps, for: '5m' } }]
      : [
          { what: 'fires at once', rule: { ...rest, ...keeps } },
          { what: `fires after ${minutes * 2}m`, rule: { ...rest, ...keeps, for: `${minutes * 2}m` } },
        ]),
    ...(kept === undefined ? [] : [{ what: 'ends at once', rule: { ...rest, ...holds } }]),
  ];
}

function changesOf(expr: string): readonly Change[] {
  const changes: Change[] = [];
  const text = (node: { from: number; to: number }): string => expr.slice(node.from, node.to);
  parser.parse(expr).iterate({
    enter({ node, name, from, to }) {
      if (name === 'BinaryExpr') {
        const operator = node.firstChild?.nextSibling;
        const [left, right] = [node.firstChild, node.lastChild];
        if (!operator || !left || !right) return;
        if (LOGIC.includes(operator.name)) {
          const sign = text(operator);
          changes.push({ from, to, by: `(${text(left)})`, what: `lacks what follows "${sign}" at ${operator.from}` });
          if (operator.name !== 'Unless')
            changes.push({
              from,
              to,
              by: `(${text(right)})`,
              what: `lacks what precedes "${sign}" at ${operator.from}`,
            });
        }
        if (operator.name === 'Gtr' && text(right) === '0')
          changes.push({ from: operator.from, to: operator.to, by: '>=', what: `has >= 0 at ${operator.from}` });
      }
      if (name === 'NumberDurationLiteral' && node.parent?.name === 'BinaryExpr') {
        const number = Number(text(node));
        for (const other of number === 0 ? [2] : [number * UP, number * DOWN])
          changes.push({ from, to, by: String(other), what: `has ${other} for ${number} at ${from}` });
      }
      if (name === 'UnquotedLabelMatcher') {
        const list = node.parent;
        // without metric and label nothing is selected
        if (!list || list.parent?.firstChild?.name !== 'Identifier') return;
        const others = list.getChildren('UnquotedLabelMatcher').filter((other) => other.from !== from);
        const by = `{${others.map(text).join(', ')}}`;
        changes.push({ from: list.from, to: list.to, by, what: `does not ask for ${text(node)} at ${from}` });
      }
    },
  });
  return changes;
}
