import { defineConfig } from 'vite';

export default defineConfig({
  base: './',
  build: {
    target: 'es2022',
    modulePreload: false,
    assetsInlineLimit: 0,
    // One script: the page is small, and loads in one step.
    rollupOptions: { output: { codeSplitting: false } },
  },
  server: { proxy: { '/api': process.env['REFCON_SERVER'] ?? 'http://127.0.0.1:8471' } },
  test: { include: ['tests/unit/**/*.test.ts'], environment: 'node' },
} as Parameters<typeof defineConfig>[0]);
