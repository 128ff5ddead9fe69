/** What the first page loads once somebody brings a model. */
export { StartPanel } from './panel';
export { StartDesk } from './startdesk';
