/** Every plan of a Llama; what is compared is in plans.ts. */
import { testPlans } from './plans';

testPlans('llama');
