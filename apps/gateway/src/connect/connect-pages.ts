import type { Flow } from '@hub/domain';
import type { InputDefinition, ProviderDefinition } from '@hub/providers';
import { escapeHtml, page, type Page } from '../http/page';

/** Who asks for what, as both pages show it. */
function asker(flow: Pick<Flow, 'orgId' | 'startedBy'>, account?: string): string {
  const rows = [
    ['Organisation', flow.orgId],
    ['Asked by', flow.startedBy],
    ...(account === undefined ? [] : [['Account', account]]),
  ];
  return `<dl>${rows.map(([name, value]) => `<dt>${escapeHtml(name ?? '')}</dt><dd>${escapeHtml(value ?? '')}</dd>`).join('')}</dl>`;
}

/** What a browser that did not start the flow is told before it goes on. */
function warning({ label }: ProviderDefinition): string {
  return `<p>This connect was started in another browser. Go on only if you know who asked for it: the organisation below will be able to use your ${escapeHtml(label)} account.</p>`;
}

const UNEXPECTED = '<p class="help">If you did not expect this, close the page: nothing will be connected.</p>';

/** What the input page shows. */
export interface InputPageView {
  readonly flow: Pick<Flow, 'orgId' | 'startedBy'>;
  /** Whether going on connects an account for a browser that did not start the flow. */
  readonly isStrange: boolean;
  readonly definition: ProviderDefinition;
  readonly inputs: readonly InputDefinition[];
  /** Where the form is posted: the page's own path. */
  readonly action: string;
  /** Addresses that the form leads on to. */
  readonly targets: readonly string[];
  /** What was wrong with what was typed before, if something was. */
  readonly complaint?: InputComplaint;
}

/** What is wrong with one input. */
export interface InputComplaint {
  readonly input: InputDefinition['name'];
  readonly text: string;
  /** What was typed, to be mended in its place; absent where it may be a secret. */
  readonly typed?: string;
}

/** Asks for what the provider must be told before it can be asked. */
export function inputPage(view: InputPageView): Page {
  const { definition } = view;
  const fields = view.inputs.map((input) => field(input, view.complaint)).join('');
  return page(
    `Connect ${definition.label}`,
    `<h1>Connect ${escapeHtml(definition.label)}</h1>${view.isStrange ? warning(definition) : ''}${asker(view.flow)}
<form method="post" action="${escapeHtml(view.action)}">${fields}<button type="submit">Continue</button></form>${view.isStrange ? UNEXPECTED : ''}`,
    view.targets,
  );
}

function field({ name, label, help, example }: InputDefinition, complaint: InputComplaint | undefined): string {
  const wrong = complaint?.input === name ? complaint : undefined;
  const told = wrong ? `${name}-wrong ${name}-help` : `${name}-help`;
  return `<label for="${name}">${escapeHtml(label)}</label>
<input type="text" id="${name}" name="${name}" value="${escapeHtml(wrong?.typed ?? '')}" required autocomplete="off" autocapitalize="none" spellcheck="false" maxlength="2048" placeholder="${escapeHtml(example)}" aria-describedby="${told}"${wrong ? ' aria-invalid="true"' : ''}>
${wrong ? `<p class="bad-text" id="${name}-wrong" role="alert">${escapeHtml(wrong.text)}</p>\n` : ''}<p class="help" id="${name}-help">${escapeHtml(help)}</p>`;
}

/** What the confirm page shows. */
export interface ConfirmPageView {
  readonly flow: Pick<Flow, 'orgId' | 'startedBy'>;
  readonly definition: ProviderDefinition;
  /** As far as request or callback told it. */
  readonly account: string | undefined;
  readonly action: string;
  readonly csrf: string;
  readonly targets: readonly string[];
}

/** Asks the person in front of a browser that did not start the flow whether they meant this. */
export function confirmPage(view: ConfirmPageView): Page {
  const { definition } = view;
  return page(
    `Connect ${definition.label}?`,
    `<h1>Connect ${escapeHtml(definition.label)} to this organisation?</h1>
${warning(definition)}
${asker(view.flow, view.account ?? `the one you just signed in with at ${definition.label}; it is told only once you go on`)}
<form method="post" action="${escapeHtml(view.action)}"><input type="hidden" name="csrf" value="${escapeHtml(view.csrf)}"><button type="submit">Connect ${escapeHtml(definition.label)}</button></form>
${UNEXPECTED}`,
    view.targets,
  );
}
