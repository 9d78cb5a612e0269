/* The optimisers: one step each on the flat vector of weights. training/optimizers.py has what Python knows of them.

   Included once per dtype and instruction set by dtype_impl.h. An optimiser is a line of the table below and a function; `step`
   holds its states and rates in the order of that line, at most MAX_OPTIMIZER_STATES and MAX_OPTIMIZER_RATES of simd.h. */

#define OPTIMIZERS \
    OPTIMIZER(sgd, NAMES("velocity"), NAMES("momentum", "nesterov")) \
    OPTIMIZER(adam, NAMES("m", "v"), NAMES("t", "beta_1", "beta_2", "epsilon")) \
    OPTIMIZER(rmsprop, NAMES("v"), NAMES("rho", "epsilon"))

/* v = momentum v - lr g,  theta += nesterov ? momentum v - lr g : v       (Sutskever et al. 2013) */
static void FN(sgd_step)(const optimizer_step *step)
{
    REAL *restrict theta = step->theta;             /* (n,) IN/OUT */
    const REAL *restrict grad = step->grad;         /* (n,) IN */
    REAL *restrict velocity = step->states[0];      /* (n,) IN/OUT */
    REAL scale = (REAL)(-step->learning_rate * step->grad_scale), momentum = (REAL)step->rates[0];
    int nesterov = step->rates[1] != 0;
    if (nesterov)
        for (ptrdiff_t i = 0; i < step->n; i++) {
            REAL change = scale * grad[i], v = momentum * velocity[i] + change;
            velocity[i] = v;
            theta[i] += momentum * v + change;
        }
    else
        for (ptrdiff_t i = 0; i < step->n; i++) {
            REAL v = momentum * velocity[i] + scale * grad[i];
            velocity[i] = v;
            theta[i] += v;
        }
}

/* m = beta_1 m + (1 - beta_1) g,  v = beta_2 v + (1 - beta_2) g^2,
   theta -= lr / (1 - beta_1^t)  m / (sqrt(v / (1 - beta_2^t)) + epsilon)          (Kingma and Ba 2015, algorithm 1) */
static void FN(adam_step)(const optimizer_step *step)
{
    REAL *restrict theta = step->theta;             /* (n,) IN/OUT */
    const REAL *restrict grad = step->grad;         /* (n,) IN */
    REAL *restrict m = step->states[0];             /* (n,) IN/OUT */
    REAL *restrict v = step->states[1];             /* (n,) IN/OUT */
    double t = step->rates[0];
    REAL scale = (REAL)step->grad_scale, beta_1 = (REAL)step->rates[1], beta_2 = (REAL)step->rates[2];
    REAL rest_1 = (REAL)(1 - step->rates[1]), rest_2 = (REAL)(1 - step->rates[2]), epsilon = (REAL)step->rates[3];
    REAL rate = (REAL)(step->learning_rate / (1 - pow(step->rates[1], t)));
    REAL root = (REAL)(1 / sqrt(1 - pow(step->rates[2], t)));
    for (ptrdiff_t i = 0; i < step->n; i++) {
        REAL g = scale * grad[i];
        REAL m_i = beta_1 * m[i] + rest_1 * g;
        REAL v_i = beta_2 * v[i] + rest_2 * g * g;
        m[i] = m_i;
        v[i] = v_i;
        theta[i] -= rate * m_i / (SQRT(v_i) * root + epsilon);
    }
}

/* v = rho v + (1 - rho) g^2,  theta -= lr g / (sqrt(v) + epsilon)                      (Tieleman and Hinton 2012) */
static void FN(rmsprop_step)(const optimizer_step *step)
{
    REAL *restrict theta = step->theta;             /* (n,) IN/OUT */
    const REAL *restrict grad = step->grad;         /* (n,) IN */
    REAL *restrict v = step->states[0];             /* (n,) IN/OUT */
    REAL scale = (REAL)step->grad_scale, rate = (REAL)step->learning_rate;
    REAL rho = (REAL)step->rates[0], rest = (REAL)(1 - step->rates[0]), epsilon = (REAL)step->rates[1];
    for (ptrdiff_t i = 0; i < step->n; i++) {
        REAL g = scale * grad[i];
        REAL v_i = rho * v[i] + rest * g * g;
        v[i] = v_i;
        theta[i] -= rate * g / (SQRT(v_i) + epsilon);
    }
}
