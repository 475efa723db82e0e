// The archive is installed once; its tests then share it.

import { defineConfig } from '@playwright/test';
import { launchOptions } from '../playwright.ts';

export default defineConfig({
  testDir: '.',
  testMatch: '*.spec.ts',
  outputDir: '../../test-results/package',
  workers: 1,
  retries: 0,
  forbidOnly: true,
  reporter: 'list',
  use: { browserName: 'chromium', launchOptions },
});
