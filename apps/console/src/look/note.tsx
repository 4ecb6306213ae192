import type { ReactNode } from 'react';

/** Signs that go with the tones, so that colour alone says nothing. */
export const SIGNS = { good: '✓', warn: '!', bad: '✕', idle: '–' } as const;

/** A message that stands out: what is the matter, and what to do. */
export function Note(props: {
  readonly tone: keyof typeof SIGNS;
  readonly title?: string;
  /** `alert` is read at once, `status` when there is a pause; absent: as part of the page. */
  readonly role?: 'alert' | 'status';
  readonly children?: ReactNode;
}) {
  const { tone, title, role, children } = props;
  return (
    <div className={`note ${tone}`} role={role}>
      <span className="sign" aria-hidden="true">
        {SIGNS[tone]}
      </span>
      <div>
        {title !== undefined && <strong>{title}</strong>} {children}
      </div>
    </div>
  );
}
