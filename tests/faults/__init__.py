"""Parts that die, stores that vanish, providers that refuse: nobody is left without an answer, nothing runs twice."""
