/**
 * Whether a return URL may be used: it equals an entry of the allow-list, character for character (RFC 9700 §2.1).
 * No normalising takes place, so that nothing can be slipped past by a second spelling.
 */
export function isAllowedRedirect(redirectUri: string, allowList: readonly string[]): boolean {
  return allowList.includes(redirectUri);
}

/** What is told of a URL that is not {@link isPlainAscii}. */
export const NOT_ASCII = 'must be written in ASCII without spaces (punycode, %-escapes)';

/** Whether a URL can stand in a `Location` as it is written. */
export function isPlainAscii(url: string): boolean {
  return /^[\x21-\x7e]+$/.test(url);
}

/** What makes a text unfit as an entry of the allow-list, as words for the operator; `undefined` if it is fit. */
export function redirectEntryProblem(entry: string): string | undefined {
  let url: URL;
  try {
    url = new URL(entry);
  } catch {
    return 'is not an absolute URL';
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'must be an https (or http) URL';
  if (entry.includes('#')) return 'must not have a fragment';
  // it is sent as it is written, and a header takes no more; of these the parser drops some and escapes the rest
  if (!isPlainAscii(entry)) return NOT_ASCII;
  if (url.username !== '' || url.password !== '') return 'must not have a user or a password';
  return undefined;
}

/** `target` with `parameters` appended to the query that is there; what stands there stays as it is written. */
export function withParameters(target: string, parameters: Readonly<Record<string, string>>): string {
  return `${target}${target.includes('?') ? '&' : '?'}${new URLSearchParams(parameters).toString()}`;
}

/** Where a provider sends the browser back to: what is registered there, character for character. @param publicUrl without a slash at its end */
export function callbackUrl(publicUrl: string, provider: string): string {
  return `${publicUrl}/functions/v1/integrations-callback/${provider}`;
}
