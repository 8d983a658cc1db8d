console.log(`run ${process.env.RUN_ID} attempt ${process.env.RUN_ATTEMPT}`);
