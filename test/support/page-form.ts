/** A form as a person sees it on a page of the hub or of the sandbox. */
export interface PageForm {
  /** Absent: the page's own address. */
  readonly action: string | undefined;
  /** What is sent unless the person changes it: hidden, typed and ticked values. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** Every name that a field or a button has. */
  readonly names: ReadonlySet<string>;
}

/** The one form of a page; `undefined` if it has none. */
export function formOn(html: string): PageForm | undefined {
  const form = /<form\b([^>]*)>([\s\S]*?)<\/form>/.exec(html);
  if (!form) return undefined;
  const controls = [...(form[2] ?? '').matchAll(/<(?:input|button)\b([^>]*)>/g)].map(([, attributes]) => ({
    name: attribute(attributes ?? '', 'name'),
    value: attribute(attributes ?? '', 'value') ?? '',
    isSent: !/type="(submit|checkbox)"/.test(attributes ?? '') || /\schecked\b/.test(attributes ?? ''),
  }));
  const named = controls.filter((control): control is typeof control & { name: string } => control.name !== undefined);
  return {
    action: attribute(form[1] ?? '', 'action'),
    fields: named.filter(({ isSent }) => isSent).map(({ name, value }) => [name, value] as const),
    names: new Set(named.map(({ name }) => name)),
  };
}

function attribute(attributes: string, name: string): string | undefined {
  const value = new RegExp(`\\s${name}="([^"]*)"`).exec(attributes)?.[1];
  return value === undefined ? undefined : readable(value);
}

/** HTML's character references back to text. */
function readable(html: string): string {
  const names: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"' };
  return html.replace(/&(?:#(\d+)|(amp|lt|gt|quot));/g, (_all, code: string | undefined, name: string | undefined) =>
    code === undefined ? (names[name ?? ''] ?? '') : String.fromCodePoint(Number(code)),
  );
}
