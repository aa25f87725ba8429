import { defineConfig } from 'vite';

// Names without hashes: the server embeds the files by name and sends their ETags, and a change shows as a change in the history.
export default defineConfig({
  base: './',
  build: {
    target: 'es2022',
    modulePreload: false,
    assetsInlineLimit: 0,
    rollupOptions: {
      output: {
        entryFileNames: 'assets/page.js',
        assetFileNames: 'assets/page[extname]',
        codeSplitting: false,
      },
    },
  },
  server: { proxy: { '/api': process.env['REFCON_SERVER'] ?? 'http://127.0.0.1:8471' } },
  test: { include: ['tests/unit/**/*.test.ts'], environment: 'node' },
} as Parameters<typeof defineConfig>[0]);
