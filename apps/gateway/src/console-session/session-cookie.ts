import { CONSOLE_SESSION_LIFE_MS } from '@hub/domain';
import type { SetCookie } from '../http/browser-reply';

/**
 * `__Host-` keeps sibling domains from tossing one in (https only). Without https it is a hub on somebody's machine, and
 * cookies know no ports: two of them would take each other's.
 */
export function sessionCookieName(publicUrl: string): string {
  const { protocol, port } = new URL(publicUrl);
  return protocol === 'https:' ? '__Host-hub_session' : `hub_session${port === '' ? '' : `_${port}`}`;
}

/** The cookie of a session, for as long as it may live. */
export function sessionCookie(value: string, publicUrl: string): SetCookie {
  return {
    name: sessionCookieName(publicUrl),
    value,
    options: {
      httpOnly: true,
      sameSite: 'lax', // it comes with a link of another site, and a callback: both are navigations
      secure: publicUrl.startsWith('https:'),
      path: '/',
      maxAge: CONSOLE_SESSION_LIFE_MS / 1000,
    },
  };
}

/** Takes the cookie back. */
export function endedCookie(publicUrl: string): SetCookie {
  const { name, options } = sessionCookie('', publicUrl);
  return { name, value: '', options: { ...options, maxAge: 0 } };
}
