import { readInput } from './input-rules';

it.each([
  ['shop', 'Example-Store', 'example-store.myshopify.com'],
  ['shop', ' https://admin.shopify.com/store/example/products ', 'example.myshopify.com'],
  [
    'webhookUrl',
    'https://hooks.zapier.com/hooks/catch/123456/abcdef/',
    'https://hooks.zapier.com/hooks/catch/123456/abcdef/',
  ],
  [
    'webhookUrl',
    'https://hooks.zapier.com/hooks/catch/123456/0f8fad5b-d9cb-469f-a165-70867728950e_1/',
    'https://hooks.zapier.com/hooks/catch/123456/0f8fad5b-d9cb-469f-a165-70867728950e_1/',
  ],
  ['subdomain', 'whatever', 'whatever'],
])('%s %j is kept as %j', (name, text, kept) => {
  expect(readInput(name, text)).toEqual({ ok: true, kept });
});

it.each([
  ['shop', '', /Enter the name/],
  ['shop', 'www.brand.example', /must end in \.myshopify\.com/],
  ['shop', 'my shop', /without spaces/],
  ['shop', 'my_shop', /letters a to z/],
  ['webhookUrl', '', /Paste/],
  ['webhookUrl', 'hooks', /begins with/],
  ['webhookUrl', 'http://hooks.zapier.com/hooks/catch/1/a/', /https, not http/],
  ['webhookUrl', 'https://evil.example/hooks/catch/1/a/', /Only URLs of hooks\.zapier\.com/],
  ['webhookUrl', 'https://hooks.zapier.com/hooks/catch/1/a/?x=1', /Leave out/],
  ['webhookUrl', 'https://hooks.zapier.com/hooks/catch/', /whole URL/],
  ['webhookUrl', 'https://hooks.zapier.com/hooks/catch/user-1/a/', /whole URL/],
  ['webhookUrl', ' https://hooks.zapier.com/hooks/catch/1/a/', /space/],
  ['subdomain', ' ', /Fill this in/],
  ['constructor', '', /Fill this in/],
])('%s %j is refused in words', (name, text, complaint) => {
  expect(readInput(name, text)).toEqual({ ok: false, complaint: expect.stringMatching(complaint) });
});
