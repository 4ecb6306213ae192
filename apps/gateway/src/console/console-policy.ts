/**
 * What the console may do, as Content-Security-Policy: run and look as its own files say, and speak to the gateway that
 * served it. Nothing stands inside the page, so nothing inside a page is allowed; no string becomes HTML or script.
 *
 * @param publicUrl of the hub: older browsers do not count its WebSocket as `'self'`
 */
export function consolePolicy(publicUrl: string): string {
  const socket = new URL(publicUrl).origin.replace(/^http/, 'ws');
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    `connect-src 'self' ${socket}`,
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}
