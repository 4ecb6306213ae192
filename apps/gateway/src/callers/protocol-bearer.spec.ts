import { bearerAmongProtocols, protocolsOffered } from './protocol-bearer';

const bearer = (header: string | undefined) => bearerAmongProtocols(header, 'hub.v1');

describe('a bearer among subprotocols', () => {
  it.each(['hub.v1, bearer.a.b.c', 'hub.v1,bearer.a.b.c', 'bearer.a.b.c,  hub.v1', 'other, hub.v1, bearer.a.b.c'])(
    'is found in %s',
    (header) => {
      expect(bearer(header)).toBe('Bearer a.b.c');
    },
  );

  it.each([
    ['no header', undefined],
    ['an empty one', ''],
    ['no bearer', 'hub.v1'],
    ['no protocol of the hub', 'bearer.a.b.c'],
    ['another protocol', 'hub.v2, bearer.a.b.c'],
    ['two bearers', 'hub.v1, bearer.a.b.c, bearer.d.e.f'],
    ['one in capitals', 'hub.v1, Bearer.a.b.c'],
  ])('is not there with %s', (_what, header) => {
    expect(bearer(header)).toBeUndefined();
  });
});

it('lists what is offered in its order', () => {
  expect(protocolsOffered(' hub.v1 ,, bearer.x')).toEqual(['hub.v1', 'bearer.x']);
  expect(protocolsOffered(undefined)).toEqual([]);
});
