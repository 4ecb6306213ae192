import { allowedOrigins } from './allowed-origins';

it('are those of the hub and of every allowed return URL, without their paths', () => {
  const origins = allowedOrigins({
    publicUrl: 'https://hub.example',
    redirectAllowList: ['https://app.example', 'https://app.example/integrations', 'http://localhost:3000/x?y=1'],
  });
  expect([...origins]).toEqual(['https://hub.example', 'https://app.example', 'http://localhost:3000']);
});
