import { endedCookie, sessionCookie, sessionCookieName } from './session-cookie';

describe('the cookie of a session', () => {
  it('can be set by no sibling domain where the hub is behind https', () => {
    const { name, options } = sessionCookie('x', 'https://hub.example');
    expect(name).toBe('__Host-hub_session');
    // what the prefix asks for (RFC 6265bis §4.1.3.2): Secure, Path=/, no Domain
    expect(options).toEqual({ httpOnly: true, sameSite: 'lax', secure: true, path: '/', maxAge: 28_800 });
  });

  it('is told apart by its port on a machine, where cookies know none', () => {
    expect(sessionCookieName('http://localhost:3000')).toBe('hub_session_3000');
    expect(sessionCookieName('http://localhost:3001/hub')).toBe('hub_session_3001');
    expect(sessionCookieName('http://hub.test')).toBe('hub_session');
    expect(sessionCookie('x', 'http://localhost:3000').options.secure).toBe(false);
  });

  it('is taken back by one of the same name and place, empty and over', () => {
    const set = sessionCookie('x', 'https://hub.example');
    expect(endedCookie('https://hub.example')).toEqual({ ...set, value: '', options: { ...set.options, maxAge: 0 } });
  });
});
