import { defineConfig } from 'vite';

const SERVER = process.env['REFCON_SERVER'] ?? 'http://127.0.0.1:7878';

export default defineConfig({
  base: './',
  build: {
    target: 'es2022',
    modulePreload: false,
    assetsInlineLimit: 0,
    // One script: the page is small, and loads in one step.
    rollupOptions: { output: { codeSplitting: false } },
  },
  // `REFCON_SERVER=http://… npm run dev` (or `npx vite preview`, for the built page): the page of today on a server that runs.
  server: { proxy: { '/api': { target: SERVER, changeOrigin: true, headers: { origin: SERVER } } } },
  test: { include: ['tests/unit/**/*.test.ts'], environment: 'node' },
} as Parameters<typeof defineConfig>[0]);
