import { parser } from '@prometheus-io/lezer-promql';

/** A series selector of an expression, with what it asks for. */
export interface Selector {
  /** Empty where a selector names no metric. */
  readonly metric: string;
  readonly labels: readonly string[];
  /** Values of `label="value"` and of the alternatives of `label=~"a|b"`, by label, where they are plain words. */
  readonly values: Readonly<Record<string, readonly string[]>>;
}

/** What an expression says of series. */
export interface Reading {
  readonly selectors: readonly Selector[];
  /** Labels of by, without, on, ignoring and group_left. */
  readonly grouping: readonly string[];
  /** Places at which the expression cannot be read. None: it is PromQL. */
  readonly errors: readonly string[];
}

/** Grafana's variables, which are no PromQL, as something of the kind that they become. */
const VARIABLES: readonly (readonly [RegExp, string])[] = [
  [/\$__(rate_interval|interval|range)\b/g, '5m'],
  [/"\$[a-z_]+"/g, '".+"'],
];

/** An expression of a panel as Prometheus gets it. */
export function withoutVariables(expression: string): string {
  return VARIABLES.reduce((text, [variable, value]) => text.replace(variable, value), expression);
}

/** Reads an expression by Prometheus' own grammar. Never throws: what cannot be read stands in `errors`. */
export function readExpression(expression: string): Reading {
  const selectors: { metric: string; labels: string[]; values: Record<string, string[]> }[] = [];
  const grouping: string[] = [];
  const errors: string[] = [];
  const text = (node: { from: number; to: number }): string => expression.slice(node.from, node.to);
  parser.parse(expression).iterate({
    enter(node) {
      if (node.type.isError) errors.push(`at ${node.from}: ${expression.slice(node.from, node.from + 20)}`);
      if (node.name === 'VectorSelector') selectors.push({ metric: '', labels: [], values: {} });
      const selector = selectors.at(-1);
      if (node.name === 'Identifier' && node.node.parent?.name === 'VectorSelector' && selector)
        selector.metric = text(node);
      if (node.name === 'UnquotedLabelMatcher' && selector) {
        const matcher = /^\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*"(.*)"\s*$/s.exec(text(node));
        if (!matcher) return;
        const [, label = '', operator = '', value = ''] = matcher;
        selector.labels.push(label);
        selector.values[label] = operator.includes('~')
          ? value.split('|').filter((word) => /^[\w-]+$/.test(word))
          : [value].filter((word) => word !== '');
      }
      if (node.name === 'LabelName' && node.node.parent?.name === 'GroupingLabels') grouping.push(text(node));
    },
  });
  return { selectors, grouping, errors };
}
