import type { KnownSeries } from './known-metrics';
import { readExpression } from './promql';

/**
 * What an expression asks for that nobody reports: metrics, labels and values. Beyond a selector's own labels those of
 * its `by` and `on` must be labels of one of its metrics.
 *
 * @returns a sentence for each; none where all is known
 */
export function unknownNames(expression: string, known: ReadonlyMap<string, KnownSeries>): readonly string[] {
  const { selectors, grouping, errors } = readExpression(expression);
  const findings = errors.map((error) => `cannot be read ${error}`);
  const grouped = new Set<string>();
  for (const { metric, labels, values } of selectors) {
    const series = known.get(metric);
    if (!series) {
      findings.push(`nobody reports ${metric}`);
      continue;
    }
    for (const label of series.labels) grouped.add(label);
    for (const label of labels.filter((name) => !series.labels.includes(name)))
      findings.push(`${metric} has no label ${label}`);
    for (const [label, words] of Object.entries(values))
      for (const word of words.filter((name) => series.values[label] && !series.values[label].includes(name)))
        findings.push(`${label} of ${metric} is never ${word}`);
  }
  for (const label of grouping.filter((name) => !grouped.has(name)))
    findings.push(`no metric of the expression has a label ${label}`);
  return findings;
}
