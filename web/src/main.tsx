import { render } from 'preact';
import { Page } from './page/Page';
import './page/style/tokens.css';
import './page/style/frame.css';
import './page/style/map.css';
import './page/style/viewer.css';
import './page/style/results.css';
import './page/style/cards.css';
import './page/style/views.css';

render(<Page />, document.getElementById('page')!);
