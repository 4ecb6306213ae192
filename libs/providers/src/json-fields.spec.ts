import { asList, asObject, field, idField, labelField, numberField, textField } from './json-fields';

describe('a field of unknown JSON', () => {
  const json: unknown = JSON.parse(
    '{"a":{"b":"text","n":5,"empty":"","digits":"123"},"list":[1],"__proto__":{"x":"y"}}',
  );

  it('is found by its path', () => {
    expect(field(json, 'a', 'b')).toBe('text');
    expect(textField(json, 'a', 'b')).toBe('text');
    expect(numberField(json, 'a', 'n')).toBe(5);
    expect(numberField(json, 'a', 'digits')).toBe(123);
  });

  it.each([
    ['a missing step', ['z', 'b']],
    ['a step through a text', ['a', 'b', 'length']],
    ['a step through a list', ['list', '0']],
    ['the prototype', ['a', 'constructor']],
    ['what a prototype in the text names', ['x']],
  ])('is not found through %s', (_what, path) => {
    expect(field(json, ...path)).toBeUndefined();
  });

  it('is no text when it is empty or a number', () => {
    expect(textField(json, 'a', 'empty')).toBeUndefined();
    expect(textField(json, 'a', 'n')).toBeUndefined();
  });

  it.each(['1.5x', '-1', '12345678901234567890', true, null, NaN])('is no number when it is %j', (value) => {
    expect(numberField({ value }, 'value')).toBeUndefined();
  });

  it('is an id only in short visible ASCII', () => {
    expect(idField({ id: 'a-1' }, 'id')).toBe('a-1');
    for (const id of ['a b', 'ä', 'x'.repeat(257), '', 5]) expect(idField({ id }, 'id')).toBeUndefined();
  });

  it('is cut where it is shown to people', () => {
    expect(labelField({ name: 'x'.repeat(1_000) }, 'name')).toHaveLength(256);
  });

  it('is an object or a list only if it is one', () => {
    expect(asObject([])).toBeUndefined();
    expect(asObject(null)).toBeUndefined();
    expect(asList({ length: 1 })).toEqual([]);
  });
});
