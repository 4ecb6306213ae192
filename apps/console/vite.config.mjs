import { defineConfig } from 'vite';

/** The console as the gateway serves it: one page, its script and its style, nothing inside the page that a strict policy would refuse. */
export default defineConfig({
  base: '/integrations/',
  publicDir: false,
  oxc: { jsx: { runtime: 'automatic' } },
  build: {
    target: 'es2022',
    assetsDir: 'assets',
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
});
