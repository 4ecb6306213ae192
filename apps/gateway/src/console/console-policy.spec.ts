import { consolePolicy } from './console-policy';

it('lets the console run its own files and speak to its own gateway, and nothing else', () => {
  const policy = consolePolicy('https://hub.example');
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("connect-src 'self' wss://hub.example;");
  expect(policy).not.toMatch(/unsafe|data:|\*|https:/);
  expect(consolePolicy('http://localhost:3000')).toContain("connect-src 'self' ws://localhost:3000;");
});
