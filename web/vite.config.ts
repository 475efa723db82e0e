/**
 * How the demo is built: React, and a service worker that keeps the whole app
 * (wasm and fonts included) on the device, so that it starts with no network.
 */
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';
import { VitePWA } from 'vite-plugin-pwa';

/** Where `vite` finds the API while developing; the built app is served by the server itself. */
const SERVER = 'http://127.0.0.1:8787';

export default defineConfig({
  plugins: [
    react(),
    VitePWA({
      registerType: 'prompt',
      includeAssets: ['icon.svg', 'favicon.ico', 'apple-touch-icon-180x180.png'],
      manifest: {
        id: '/',
        name: 'Tidemark',
        short_name: 'Tidemark',
        description: 'Lists of things to do that work with or without a network.',
        start_url: '/',
        scope: '/',
        display: 'standalone',
        background_color: '#f6f3ec',
        theme_color: '#0e4a52',
        categories: ['productivity'],
        icons: [
          { src: 'pwa-64x64.png', sizes: '64x64', type: 'image/png' },
          { src: 'pwa-192x192.png', sizes: '192x192', type: 'image/png' },
          { src: 'pwa-512x512.png', sizes: '512x512', type: 'image/png' },
          { src: 'maskable-icon-512x512.png', sizes: '512x512', type: 'image/png', purpose: 'maskable' },
          { src: 'icon.svg', sizes: 'any', type: 'image/svg+xml' },
        ],
      },
      workbox: {
        globPatterns: ['**/*.{js,css,html,svg,png,ico,woff2,wasm}'],
        maximumFileSizeToCacheInBytes: 8 * 1024 * 1024,
        navigateFallback: 'index.html',
        navigateFallbackDenylist: [/^\/v1\//, /^\/(healthz|readyz|metrics)$/],
        cleanupOutdatedCaches: true,
      },
    }),
  ],
  build: { target: 'es2023', sourcemap: false },
  server: { proxy: { '/v1': SERVER, '/healthz': SERVER, '/readyz': SERVER } },
  test: { environment: 'node', include: ['src/**/*.test.ts'] },
});
