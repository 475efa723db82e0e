/** What the page registers and the service worker listens for; other tags and messages are the app's own. */
export const TAG = 'tidemark';
