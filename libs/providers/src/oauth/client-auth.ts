/**
 * The Authorization header of HTTP Basic client authentication. Id and secret are form-encoded first (RFC 6749 §2.3.1),
 * which changes nothing for the letters, digits, `-`, `_` and `.` that known providers' ids and secrets are made of.
 */
export function basicClientAuth(clientId: string, clientSecret: string): string {
  const pair = `${formEncode(clientId)}:${formEncode(clientSecret)}`;
  return `Basic ${Buffer.from(pair, 'utf8').toString('base64')}`;
}

function formEncode(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1);
}
