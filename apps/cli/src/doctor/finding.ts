/** What the doctor found: in order, worth a look, or to be mended, and then how. */
export type Finding =
  | { readonly kind: 'good'; readonly what: string }
  | { readonly kind: 'warning' | 'bad'; readonly what: string; readonly mend: string };

export function good(what: string): Finding {
  return { kind: 'good', what };
}

export function warning(what: string, mend: string): Finding {
  return { kind: 'warning', what, mend };
}

export function bad(what: string, mend: string): Finding {
  return { kind: 'bad', what, mend };
}

const MARKS: Record<Finding['kind'], string> = { good: '✓', warning: '!', bad: '✗' };

/** A finding in one line. */
export function findingLine(finding: Finding): string {
  const mend = finding.kind === 'good' ? '' : ` → ${finding.mend}`;
  return `${MARKS[finding.kind]} ${finding.what}${mend}`;
}
