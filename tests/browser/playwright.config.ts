// Each test has a server and a database of its own, so they run side by side.

import { defineConfig } from '@playwright/test';
import { launchOptions } from '../playwright.ts';

export default defineConfig({
  testDir: '.',
  testMatch: '*.spec.ts',
  outputDir: '../../test-results/browser',
  fullyParallel: true,
  workers: 2,
  retries: 0,
  forbidOnly: true,
  timeout: 120_000,
  expect: { timeout: 30_000 },
  reporter: 'list',
  use: { browserName: 'chromium', launchOptions },
});
