import { createHash } from 'node:crypto';
import type { HubError } from '@hub/domain';

/** A page of the hub's own: plain HTML, no script, nothing from elsewhere. */
export interface Page {
  readonly html: string;
  readonly headers: Readonly<Record<string, string>>;
}

const STYLE = `
:root { color-scheme: light dark; --line: #8886; --edge: #808080; --soft: #8882; --accent: #2457d6; --bad: #b3261e; --good: #1b6e3c; }
@media (prefers-color-scheme: dark) { :root { --accent: #9db8ff; --bad: #ffb4ab; --good: #8fd6a8; } }
* { box-sizing: border-box; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 44rem; padding: 2rem 1rem; overflow-wrap: anywhere; background: Canvas; color: CanvasText; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 1rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; margin: 1rem 0; }
dt { opacity: .75; overflow-wrap: normal; } dd { margin: 0; }
form { margin: 1.5rem 0; } label { display: block; font-weight: 600; }
input[type=text] { font: inherit; width: 100%; padding: .5rem .75rem; margin: .25rem 0; border: 1px solid var(--edge); border-radius: .5rem; background: transparent; color: inherit; }
input[aria-invalid] { border-color: var(--bad); }
button { font: inherit; font-weight: 600; padding: .6rem 1.2rem; border: 0; border-radius: .5rem; background: var(--accent); color: Canvas; cursor: pointer; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.note { padding: .75rem 1rem; border: 1px solid var(--line); border-left: .3rem solid var(--line); border-radius: .5rem; margin: 0 0 1.5rem; }
.note.good { border-left-color: var(--good); } .note.bad { border-left-color: var(--bad); }
.help { opacity: .8; font-size: .9rem; margin: .25rem 0 1rem; } .bad-text { color: var(--bad); font-weight: 600; margin: .25rem 0; }
ul.cards { list-style: none; padding: 0; display: grid; gap: .75rem; } ul.cards li { border: 1px solid var(--line); border-radius: .75rem; padding: .75rem 1rem; }
.status { float: right; font-size: .9rem; } code { background: var(--soft); padding: .1rem .3rem; border-radius: .25rem; overflow-wrap: anywhere; }
`;
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

/**
 * @param title  of the document
 * @param body   trusted HTML: whatever comes from outside has been through {@link escapeHtml}
 * @param formTargets addresses that a form on this page leads on to. Chrome holds every redirect after a form against its
 *        policy, those of providers and products too, of which nobody knows where they lead (Shopify's to
 *        admin.shopify.com, a product's to its sign-in): so their schemes are allowed, and not their origins alone
 */
export function page(title: string, body: string, formTargets: readonly string[] = []): Page {
  const schemes = new Set(['https:', ...formTargets.map((target) => new URL(target).protocol)]);
  const formAction = formTargets.length === 0 ? "'none'" : ["'self'", ...schemes].join(' ');
  return {
    html: `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escapeHtml(title)}</title><style>${STYLE}</style></head>
<body><main>${body}</main></body>
</html>
`,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy': `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; form-action ${formAction}; base-uri 'none'; frame-ancestors 'none'`,
    },
  };
}

/** Text made harmless inside HTML, in elements and quoted attributes alike. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** The page of a problem: what is wrong and what to do. The same bytes for the same problem. */
export function errorPage(problem: Pick<HubError, 'title' | 'message' | 'fix'>): Page {
  return page(
    problem.title,
    `<h1>${escapeHtml(problem.title)}</h1><p>${escapeHtml(problem.message)}</p>${problem.fix ? `<p>${escapeHtml(problem.fix)}</p>` : ''}`,
  );
}

/** The one page for every state that is not good, whatever the reason: it must tell a prober nothing. */
export const INVALID_STATE_PAGE: Page = page(
  'This link is not valid any more',
  '<h1>This link is not valid any more</h1><p>It was used before, it is too old, or it was not made here. Nothing was connected and nothing was changed.</p><p>Go back to the product and start the connect again.</p>',
);
