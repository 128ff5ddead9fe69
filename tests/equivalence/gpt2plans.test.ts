/** Every plan of a GPT-2; what is compared is in plans.ts. */
import { testPlans } from './plans';

testPlans('gpt2');
