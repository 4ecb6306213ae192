import { securityHeaders } from './security-headers';

it('lets nothing run, load, frame or guess, and keeps to https where that is how the hub is reached', () => {
  const plain = securityHeaders({ publicUrl: 'http://localhost:3000' });
  expect(plain).toEqual({
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': expect.stringContaining('camera=()'),
  });
  expect(securityHeaders({ publicUrl: 'https://hub.example' })).toEqual({
    ...plain,
    'strict-transport-security': 'max-age=31536000',
  });
});
