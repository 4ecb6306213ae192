import { isUuid, parseOrgId, SYSTEM_ORG } from './ids';

const id = '6b1f3c9e-2f5d-4c1a-9b7e-0d3a5e8c7f21';

describe('an id', () => {
  it.each([
    [id, true],
    [id.toUpperCase(), true],
    ['00000000-0000-0000-0000-000000000000', true],
    [`{${id}}`, false],
    [`${id}0`, false],
    [` ${id}`, false],
    [`${id}\n`, false],
    [id.replaceAll('-', ''), false],
    ['6b1f3c9e-2f5d-4c1a-9b7e-0d3a5e8c7g21', false],
    ['', false],
  ])('%j is a UUID: %s', (text, is) => {
    expect(isUuid(text)).toBe(is);
  });
});

describe('an org’s id', () => {
  it('is kept in lower case, so that one org has one spelling', () => {
    expect(parseOrgId(id.toUpperCase())).toBe(id);
  });

  it.each([[SYSTEM_ORG], ['acme'], [''], [42], [null], [undefined], [{ toString: () => id }], [[id]]])(
    'is not %j',
    (text) => {
      expect(parseOrgId(text)).toBeUndefined();
    },
  );
});
