import { createHash } from 'node:crypto';
import type { ConsentAsk } from '../../../../libs/providers/src/sandbox/sandbox-provider.sandbox';
import { escapeHtml, type WireAnswer } from '../../../../libs/providers/src/sandbox/wire.sandbox';

/** Names of the form's own fields; everything else in it is the authorization request, carried along. */
export const FIELDS = { account: 'account', granted: 'granted', shown: 'granted_shown', decision: 'decision' } as const;

const STYLE = `
:root { color-scheme: light dark; --paper: #fff; --ground: #eef0f3; --ink: #1c2127; --quiet: #5a6472; --line: #c5ccd6; --edge: #7c8694;
  --accent: #1a5fd0; --on-accent: #fff; --note: #fff4d6; --note-ink: #5b4300 }
@media (prefers-color-scheme: dark) { :root { --paper: #1d2127; --ground: #121519; --ink: #eceff3; --quiet: #a4aebb;
  --line: #49525f; --edge: #8590a0; --accent: #8ab4ff; --on-accent: #0d1b33; --note: #3d3310; --note-ink: #ffe7a3 } }
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem; background: var(--ground);
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif }
main { width: 100%; max-width: 30rem; background: var(--paper); border: 1px solid var(--line); border-radius: .75rem;
  overflow: hidden }
.note { margin: 0; padding: .6rem 1.5rem; background: var(--note); color: var(--note-ink); font-size: .9rem }
form, .body { padding: 1.25rem 1.5rem 1.5rem }
h1 { margin: 0 0 .25rem; font-size: 1.35rem }
p { margin: 0 0 1rem; color: var(--quiet) }
.to { overflow-wrap: anywhere }
label.name { display: block; font-weight: 600; margin-bottom: .25rem }
input[type=text] { width: 100%; padding: .55rem .7rem; font: inherit; color: inherit; background: var(--paper);
  border: 1px solid var(--edge); border-radius: .4rem }
fieldset { margin: 1.25rem 0 0; padding: .5rem .9rem .7rem; border: 1px solid var(--line); border-radius: .4rem }
legend { padding: 0 .3rem; font-weight: 600 }
fieldset label { display: flex; gap: .6rem; align-items: baseline; padding: .2rem 0; overflow-wrap: anywhere }
.buttons { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: 1.5rem }
button { flex: 1 1 8rem; padding: .65rem 1rem; font: inherit; font-weight: 600; border-radius: .4rem; cursor: pointer;
  border: 1px solid var(--accent); background: transparent; color: var(--accent) }
button.primary { background: var(--accent); color: var(--on-accent) }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
`;

/**
 * Nothing but this page's own style may load or run. There is no `form-action`: browsers apply it to the redirects after
 * the form too, and those lead to the hub and on to wherever it sends people.
 */
const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

function page(status: number, title: string, body: string): WireAnswer {
  return {
    status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': POLICY,
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    },
    body: `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`,
  };
}

/** The page on which a person lets the client in, or does not. Takes the provider's name and a valid request. */
export function consentPage(label: string, ask: ConsentAsk): WireAnswer {
  const carried = [...ask.params].filter(([name]) => name !== FIELDS.account);
  const hidden = carried.map(
    ([name, value]) => `<input type="hidden" name="${escapeHtml(name)}" value="${escapeHtml(value)}">`,
  );
  return page(
    200,
    `Sandbox: connect ${label}`,
    `<p class="note" role="note"><strong>Sandbox</strong> – stands in for ${escapeHtml(label)}. Nothing here is real.</p>
<form method="post">
<h1>Allow access to ${escapeHtml(label)}?</h1>
<p class="to">The client <strong>${escapeHtml(ask.clientId)}</strong> asks for access. You will be sent back to ${escapeHtml(new URL(ask.redirectUri).origin)}.</p>
${hidden.join('\n')}
<label class="name" for="account">${escapeHtml(ask.accountLabel)}</label>
<input type="text" id="account" name="${FIELDS.account}" value="${escapeHtml(ask.account)}" required autocomplete="off" spellcheck="false">
${choices(ask)}
<div class="buttons">
<button class="primary" type="submit" name="${FIELDS.decision}" value="approve">Allow</button>
<button type="submit" name="${FIELDS.decision}" value="deny" formnovalidate>Cancel</button>
</div>
</form>`,
  );
}

function choices(ask: ConsentAsk): string {
  if (!ask.choices) return '';
  const boxes = ask.choices.options.map(
    (option) =>
      `<label><input type="checkbox" name="${FIELDS.granted}" value="${escapeHtml(option.value)}"${option.ticked ? ' checked' : ''}> <span>${escapeHtml(option.label)}</span></label>`,
  );
  // The marker tells "nothing ticked" from "the boxes were never shown".
  return `<input type="hidden" name="${FIELDS.shown}" value="yes">
<fieldset><legend>${escapeHtml(ask.choices.legend)}</legend>
${boxes.join('\n')}
</fieldset>`;
}

/** Where a person ends who cancels at a provider that then calls nobody back. */
export function leftPage(): WireAnswer {
  return page(
    200,
    'Sandbox: cancelled',
    `<p class="note" role="note"><strong>Sandbox</strong></p>
<div class="body"><h1>Cancelled</h1><p>This provider does not send people back after a cancel.</p></div>`,
  );
}
