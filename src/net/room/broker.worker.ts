/** The broker (brokerdesk.ts) as a SharedWorker. */
import { serveBroker } from './brokerdesk';

addEventListener('connect', (event) => serveBroker((event as MessageEvent).ports[0]!));
