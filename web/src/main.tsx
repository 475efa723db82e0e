/** Starts the app: styles, the root, nothing else. */
import '@fontsource-variable/figtree/wght.css';
import './styles/tokens.css';
import './styles/base.css';
import './styles/layout.css';
import './styles/parts.css';
import './styles/sign-in.css';
import './styles/todos.css';
import './styles/records.css';
import './styles/files.css';
import './styles/device.css';
import './styles/conflicts.css';
import './styles/sync.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './App';

const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
