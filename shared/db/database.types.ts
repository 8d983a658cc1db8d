// Generated from supabase/migrations by `npm run db:types`.

export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[];

export type Database = {
  corral: {
    Tables: {
      agents: {
        Row: {
          capability_id: number;
          created_at: string;
          gpu_model: string | null;
          heartbeat_interval_seconds: number | null;
          id: string;
          last_seen_at: string;
          owner_id: string;
          poll_after_seconds: number;
          ram_total: string | null;
          status: Database["corral"]["Enums"]["agent_status"];
          swarm_id: number;
          token_hash: string | null;
          token_required: boolean;
          token_shown: boolean;
          is_offline: boolean | null;
        };
        ComputedFields: "is_offline";
        Insert: {
          capability_id: number;
          created_at?: string;
          gpu_model?: string | null;
          heartbeat_interval_seconds?: number | null;
          id: string;
          last_seen_at?: string;
          owner_id: string;
          poll_after_seconds?: number;
          ram_total?: string | null;
          status?: Database["corral"]["Enums"]["agent_status"];
          swarm_id: number;
          token_hash?: string | null;
          token_required?: boolean;
          token_shown?: boolean;
        };
        Update: {
          capability_id?: number;
          created_at?: string;
          gpu_model?: string | null;
          heartbeat_interval_seconds?: number | null;
          id?: string;
          last_seen_at?: string;
          owner_id?: string;
          poll_after_seconds?: number;
          ram_total?: string | null;
          status?: Database["corral"]["Enums"]["agent_status"];
          swarm_id?: number;
          token_hash?: string | null;
          token_required?: boolean;
          token_shown?: boolean;
        };
        Relationships: [
          {
            foreignKeyName: "agents_capability_id_fkey";
            columns: ["capability_id"];
            isOneToOne: false;
            referencedRelation: "capabilities";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "agents_swarm_id_fkey";
            columns: ["swarm_id"];
            isOneToOne: false;
            referencedRelation: "swarms";
            referencedColumns: ["id"];
          },
        ];
      };
      allowances: {
        Row: {
          at: string;
          calls_left: number;
          holder: string;
          is_spent: boolean;
        };
        ComputedFields: never;
        Insert: {
          at: string;
          calls_left: number;
          holder: string;
          is_spent: boolean;
        };
        Update: {
          at?: string;
          calls_left?: number;
          holder?: string;
          is_spent?: boolean;
        };
        Relationships: [];
      };
      artifacts: {
        Row: {
          agent: string | null;
          crc32c: string | null;
          created_at: string;
          expires_at: string;
          format: Database["corral"]["Enums"]["artifact_format"];
          id: string;
          kept_days: number;
          metadata: NonNullable<Json>;
          name: string;
          object: string;
          size_bytes: number | null;
          state: Database["corral"]["Enums"]["artifact_state"];
          swarm_id: number;
          tags: string[];
          type: Database["corral"]["Enums"]["artifact_type"];
        };
        ComputedFields: never;
        Insert: {
          agent?: string | null;
          crc32c?: string | null;
          created_at?: string;
          expires_at: string;
          format: Database["corral"]["Enums"]["artifact_format"];
          id?: string;
          kept_days: number;
          metadata?: NonNullable<Json>;
          name: string;
          object: string;
          size_bytes?: number | null;
          state?: Database["corral"]["Enums"]["artifact_state"];
          swarm_id: number;
          tags?: string[];
          type: Database["corral"]["Enums"]["artifact_type"];
        };
        Update: {
          agent?: string | null;
          crc32c?: string | null;
          created_at?: string;
          expires_at?: string;
          format?: Database["corral"]["Enums"]["artifact_format"];
          id?: string;
          kept_days?: number;
          metadata?: NonNullable<Json>;
          name?: string;
          object?: string;
          size_bytes?: number | null;
          state?: Database["corral"]["Enums"]["artifact_state"];
          swarm_id?: number;
          tags?: string[];
          type?: Database["corral"]["Enums"]["artifact_type"];
        };
        Relationships: [
          {
            foreignKeyName: "artifacts_swarm_id_fkey";
            columns: ["swarm_id"];
            isOneToOne: false;
            referencedRelation: "swarms";
            referencedColumns: ["id"];
          },
        ];
      };
      audit: {
        Row: {
          agent: string | null;
          at: string;
          bytes: number | null;
          call_id: number;
          details: Json | null;
          error_code: string | null;
          event: Database["corral"]["Enums"]["audit_event"];
          id: number;
          is_admin: boolean;
          method: string | null;
          milliseconds: number | null;
          path: string | null;
          request_id: string | null;
          rows: number | null;
          status: number | null;
          swarm: string | null;
          swarm_id: number | null;
          token_id: number | null;
          transaction_id: unknown;
          user_id: string | null;
          audit_line: string | null;
          tables_in_sight: Database["corral"]["CompositeTypes"]["table_sight"] | null;
        };
        ComputedFields: "audit_line" | "tables_in_sight";
        Insert: {
          agent?: string | null;
          at?: string;
          bytes?: number | null;
          call_id: number;
          details?: Json | null;
          error_code?: string | null;
          event: Database["corral"]["Enums"]["audit_event"];
          id?: number;
          is_admin?: boolean;
          method?: string | null;
          milliseconds?: number | null;
          path?: string | null;
          request_id?: string | null;
          rows?: number | null;
          status?: number | null;
          swarm?: string | null;
          swarm_id?: number | null;
          token_id?: number | null;
          transaction_id?: unknown;
          user_id?: string | null;
        };
        Update: {
          agent?: string | null;
          at?: string;
          bytes?: number | null;
          call_id?: number;
          details?: Json | null;
          error_code?: string | null;
          event?: Database["corral"]["Enums"]["audit_event"];
          id?: number;
          is_admin?: boolean;
          method?: string | null;
          milliseconds?: number | null;
          path?: string | null;
          request_id?: string | null;
          rows?: number | null;
          status?: number | null;
          swarm?: string | null;
          swarm_id?: number | null;
          token_id?: number | null;
          transaction_id?: unknown;
          user_id?: string | null;
        };
        Relationships: [];
      };
      audit_seals: {
        Row: {
          anchored_at: string | null;
          digest: string;
          entries: number;
          from_transaction: unknown;
          head: string;
          id: number;
          previous_head: string;
          sealed_at: string;
          to_transaction: unknown;
        };
        ComputedFields: never;
        Insert: {
          anchored_at?: string | null;
          digest: string;
          entries: number;
          from_transaction: unknown;
          head: string;
          id: number;
          previous_head: string;
          sealed_at?: string;
          to_transaction: unknown;
        };
        Update: {
          anchored_at?: string | null;
          digest?: string;
          entries?: number;
          from_transaction?: unknown;
          head?: string;
          id?: number;
          previous_head?: string;
          sealed_at?: string;
          to_transaction?: unknown;
        };
        Relationships: [];
      };
      capabilities: {
        Row: {
          gpu_model: string | null;
          id: number;
          ram_gb: number;
          satisfies: number[];
          tags: string[];
        };
        ComputedFields: never;
        Insert: {
          gpu_model?: string | null;
          id?: never;
          ram_gb: number;
          satisfies: number[];
          tags: string[];
        };
        Update: {
          gpu_model?: string | null;
          id?: never;
          ram_gb?: number;
          satisfies?: number[];
          tags?: string[];
        };
        Relationships: [];
      };
      dead_letters: {
        Row: {
          failed_at: string;
          job_id: number;
          task_id: number;
        };
        ComputedFields: never;
        Insert: {
          failed_at?: string;
          job_id: number;
          task_id: number;
        };
        Update: {
          failed_at?: string;
          job_id?: number;
          task_id?: number;
        };
        Relationships: [];
      };
      dispensers: {
        Row: {
          id: number;
          job_id: number | null;
          sequence: unknown;
        };
        ComputedFields: never;
        Insert: {
          id?: never;
          job_id?: number | null;
          sequence: unknown;
        };
        Update: {
          id?: never;
          job_id?: number | null;
          sequence?: unknown;
        };
        Relationships: [
          {
            foreignKeyName: "dispensers_job_id_fkey";
            columns: ["job_id"];
            isOneToOne: true;
            referencedRelation: "jobs";
            referencedColumns: ["id"];
          },
        ];
      };
      finished_tasks: {
        Row: {
          agent_id: string | null;
          attempt: number;
          chunk: string | null;
          claimed_at: string | null;
          failures: number;
          finished_at: string | null;
          id: number;
          message: string | null;
          progress: number | null;
          reasons: Json | null;
          request_id: string | null;
          result_rows: number | null;
          result_url: string | null;
          rows: number | null;
          state: Database["corral"]["Enums"]["task_state"];
        };
        ComputedFields: never;
        Insert: {
          agent_id?: string | null;
          attempt: number;
          chunk?: string | null;
          claimed_at?: string | null;
          failures: number;
          finished_at?: string | null;
          id: number;
          message?: string | null;
          progress?: number | null;
          reasons?: Json | null;
          request_id?: string | null;
          result_rows?: number | null;
          result_url?: string | null;
          rows?: number | null;
          state: Database["corral"]["Enums"]["task_state"];
        };
        Update: {
          agent_id?: string | null;
          attempt?: number;
          chunk?: string | null;
          claimed_at?: string | null;
          failures?: number;
          finished_at?: string | null;
          id?: number;
          message?: string | null;
          progress?: number | null;
          reasons?: Json | null;
          request_id?: string | null;
          result_rows?: number | null;
          result_url?: string | null;
          rows?: number | null;
          state?: Database["corral"]["Enums"]["task_state"];
        };
        Relationships: [];
      };
      fleet: {
        Row: {
          counted_at: string;
          online: number;
          only_row: boolean;
        };
        ComputedFields: never;
        Insert: {
          counted_at?: string;
          online?: number;
          only_row?: boolean;
        };
        Update: {
          counted_at?: string;
          online?: number;
          only_row?: boolean;
        };
        Relationships: [];
      };
      grants: {
        Row: {
          created_at: string;
          hidden_columns: string[];
          masked_columns: string[];
          swarm_id: number;
          table_id: number;
        };
        ComputedFields: never;
        Insert: {
          created_at?: string;
          hidden_columns?: string[];
          masked_columns?: string[];
          swarm_id: number;
          table_id: number;
        };
        Update: {
          created_at?: string;
          hidden_columns?: string[];
          masked_columns?: string[];
          swarm_id?: number;
          table_id?: number;
        };
        Relationships: [
          {
            foreignKeyName: "grants_swarm_id_fkey";
            columns: ["swarm_id"];
            isOneToOne: false;
            referencedRelation: "swarms";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "grants_table_id_fkey";
            columns: ["table_id"];
            isOneToOne: false;
            referencedRelation: "tables";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "grants_table_id_fkey";
            columns: ["table_id"];
            isOneToOne: false;
            referencedRelation: "tables_shown";
            referencedColumns: ["table_id"];
          },
        ];
      };
      jobs: {
        Row: {
          aggregate: Database["corral"]["Enums"]["aggregate_mode"];
          chunks: number | null;
          code_url: string | null;
          completed_tasks: number;
          created_at: string;
          data_file: string | null;
          data_url: string | null;
          error_code: string | null;
          error_message: string | null;
          failed_tasks: number;
          final_result_url: string | null;
          finished_at: string | null;
          id: number;
          idempotency_key: string | null;
          is_draft: boolean;
          is_open: boolean;
          is_paused: boolean;
          is_put_away: boolean;
          max_attempts: number;
          owner_id: string | null;
          priority: number;
          project_id: string | null;
          published_at: string | null;
          requirement_id: number;
          requirements_url: string | null;
          result_details: Json | null;
          rows_per_chunk: number | null;
          status: Database["corral"]["Enums"]["job_status"];
          swarm_id: number;
          task_timeout_seconds: number;
          title: string;
          total_rows: number | null;
          total_tasks: number | null;
          wishes_hash: string | null;
          cancel_job: Database["corral"]["Enums"]["control_job_outcome"] | null;
          count_tasks: Database["corral"]["CompositeTypes"]["task_counts"] | null;
          retry_failed_tasks: number | null;
        };
        ComputedFields: "cancel_job" | "count_tasks" | "retry_failed_tasks";
        Insert: {
          aggregate?: Database["corral"]["Enums"]["aggregate_mode"];
          chunks?: number | null;
          code_url?: string | null;
          completed_tasks?: number;
          created_at?: string;
          data_file?: string | null;
          data_url?: string | null;
          error_code?: string | null;
          error_message?: string | null;
          failed_tasks?: number;
          final_result_url?: string | null;
          finished_at?: string | null;
          id?: never;
          idempotency_key?: string | null;
          is_draft?: boolean;
          is_open?: boolean;
          is_paused?: boolean;
          is_put_away?: boolean;
          max_attempts?: number;
          owner_id?: string | null;
          priority?: number;
          project_id?: string | null;
          published_at?: string | null;
          requirement_id: number;
          requirements_url?: string | null;
          result_details?: Json | null;
          rows_per_chunk?: number | null;
          status?: Database["corral"]["Enums"]["job_status"];
          swarm_id: number;
          task_timeout_seconds?: number;
          title: string;
          total_rows?: number | null;
          total_tasks?: number | null;
          wishes_hash?: string | null;
        };
        Update: {
          aggregate?: Database["corral"]["Enums"]["aggregate_mode"];
          chunks?: number | null;
          code_url?: string | null;
          completed_tasks?: number;
          created_at?: string;
          data_file?: string | null;
          data_url?: string | null;
          error_code?: string | null;
          error_message?: string | null;
          failed_tasks?: number;
          final_result_url?: string | null;
          finished_at?: string | null;
          id?: never;
          idempotency_key?: string | null;
          is_draft?: boolean;
          is_open?: boolean;
          is_paused?: boolean;
          is_put_away?: boolean;
          max_attempts?: number;
          owner_id?: string | null;
          priority?: number;
          project_id?: string | null;
          published_at?: string | null;
          requirement_id?: number;
          requirements_url?: string | null;
          result_details?: Json | null;
          rows_per_chunk?: number | null;
          status?: Database["corral"]["Enums"]["job_status"];
          swarm_id?: number;
          task_timeout_seconds?: number;
          title?: string;
          total_rows?: number | null;
          total_tasks?: number | null;
          wishes_hash?: string | null;
        };
        Relationships: [
          {
            foreignKeyName: "jobs_requirement_id_fkey";
            columns: ["requirement_id"];
            isOneToOne: false;
            referencedRelation: "requirements";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "jobs_swarm_id_fkey";
            columns: ["swarm_id"];
            isOneToOne: false;
            referencedRelation: "swarms";
            referencedColumns: ["id"];
          },
        ];
      };
      lanes: {
        Row: {
          lane_key: string;
          position: number;
          swarm_id: number;
        };
        ComputedFields: never;
        Insert: {
          lane_key: string;
          position: number;
          swarm_id: number;
        };
        Update: {
          lane_key?: string;
          position?: number;
          swarm_id?: number;
        };
        Relationships: [
          {
            foreignKeyName: "lanes_swarm_id_fkey";
            columns: ["swarm_id"];
            isOneToOne: false;
            referencedRelation: "swarms";
            referencedColumns: ["id"];
          },
        ];
      };
      leases: {
        Row: {
          job_id: number;
          task_id: number;
        };
        ComputedFields: never;
        Insert: {
          job_id: number;
          task_id: number;
        };
        Update: {
          job_id?: number;
          task_id?: number;
        };
        Relationships: [
          {
            foreignKeyName: "leases_job_id_fkey";
            columns: ["job_id"];
            isOneToOne: false;
            referencedRelation: "jobs";
            referencedColumns: ["id"];
          },
        ];
      };
      queries: {
        Row: {
          attempt: number;
          call_id: number;
          columns: Json | null;
          created_at: string;
          error: string | null;
          error_code: string | null;
          finished_at: string | null;
          holder: string;
          id: string;
          is_cut: boolean | null;
          limits: NonNullable<Json>;
          output_format: Database["corral"]["Enums"]["output_format"];
          parameters: Json | null;
          preview: Json | null;
          receipt: Json | null;
          result_bytes: number | null;
          result_object: string | null;
          row_count: number | null;
          run_attempt: number | null;
          run_id: number | null;
          snapshots: NonNullable<Json>;
          sql: string;
          started_at: string | null;
          state: Database["corral"]["Enums"]["work_state"];
          stats: Json | null;
          swarm_id: number | null;
          record_query_end: undefined | null;
        };
        ComputedFields: "record_query_end";
        Insert: {
          attempt?: number;
          call_id: number;
          columns?: Json | null;
          created_at?: string;
          error?: string | null;
          error_code?: string | null;
          finished_at?: string | null;
          holder: string;
          id?: string;
          is_cut?: boolean | null;
          limits: NonNullable<Json>;
          output_format: Database["corral"]["Enums"]["output_format"];
          parameters?: Json | null;
          preview?: Json | null;
          receipt?: Json | null;
          result_bytes?: number | null;
          result_object?: string | null;
          row_count?: number | null;
          run_attempt?: number | null;
          run_id?: number | null;
          snapshots: NonNullable<Json>;
          sql: string;
          started_at?: string | null;
          state?: Database["corral"]["Enums"]["work_state"];
          stats?: Json | null;
          swarm_id?: number | null;
        };
        Update: {
          attempt?: number;
          call_id?: number;
          columns?: Json | null;
          created_at?: string;
          error?: string | null;
          error_code?: string | null;
          finished_at?: string | null;
          holder?: string;
          id?: string;
          is_cut?: boolean | null;
          limits?: NonNullable<Json>;
          output_format?: Database["corral"]["Enums"]["output_format"];
          parameters?: Json | null;
          preview?: Json | null;
          receipt?: Json | null;
          result_bytes?: number | null;
          result_object?: string | null;
          row_count?: number | null;
          run_attempt?: number | null;
          run_id?: number | null;
          snapshots?: NonNullable<Json>;
          sql?: string;
          started_at?: string | null;
          state?: Database["corral"]["Enums"]["work_state"];
          stats?: Json | null;
          swarm_id?: number | null;
        };
        Relationships: [
          {
            foreignKeyName: "queries_swarm_id_fkey";
            columns: ["swarm_id"];
            isOneToOne: false;
            referencedRelation: "swarms";
            referencedColumns: ["id"];
          },
        ];
      };
      queue: {
        Row: {
          first_claim_pending: boolean;
          folded: number;
          has_returns: boolean;
          has_tickets: boolean;
          is_open: boolean;
          job_id: number;
          lane_key: string;
          priority: number;
          requirement_id: number;
          sequence: unknown;
          swarm_id: number;
          total: number;
          fold_queue: undefined | null;
        };
        ComputedFields: "fold_queue";
        Insert: {
          first_claim_pending?: boolean;
          folded?: number;
          has_returns?: boolean;
          has_tickets?: boolean;
          is_open?: boolean;
          job_id: number;
          lane_key: string;
          priority: number;
          requirement_id: number;
          sequence?: unknown;
          swarm_id: number;
          total: number;
        };
        Update: {
          first_claim_pending?: boolean;
          folded?: number;
          has_returns?: boolean;
          has_tickets?: boolean;
          is_open?: boolean;
          job_id?: number;
          lane_key?: string;
          priority?: number;
          requirement_id?: number;
          sequence?: unknown;
          swarm_id?: number;
          total?: number;
        };
        Relationships: [
          {
            foreignKeyName: "queue_job_id_fkey";
            columns: ["job_id"];
            isOneToOne: true;
            referencedRelation: "jobs";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "queue_swarm_id_fkey";
            columns: ["swarm_id"];
            isOneToOne: false;
            referencedRelation: "swarms";
            referencedColumns: ["id"];
          },
        ];
      };
      requirements: {
        Row: {
          gpu_model: string | null;
          id: number;
          ram_gb: number;
          tags: string[];
        };
        ComputedFields: never;
        Insert: {
          gpu_model?: string | null;
          id?: never;
          ram_gb: number;
          tags: string[];
        };
        Update: {
          gpu_model?: string | null;
          id?: never;
          ram_gb?: number;
          tags?: string[];
        };
        Relationships: [];
      };
      returns: {
        Row: {
          due_at: string;
          job_id: number;
          task_id: number;
        };
        ComputedFields: never;
        Insert: {
          due_at: string;
          job_id: number;
          task_id: number;
        };
        Update: {
          due_at?: string;
          job_id?: number;
          task_id?: number;
        };
        Relationships: [];
      };
      runs: {
        Row: {
          args: NonNullable<Json>;
          attempt: number;
          claimed_at: string | null;
          created_at: string;
          error_code: string | null;
          error_message: string | null;
          execution: string | null;
          failures: number;
          finished_at: string | null;
          id: number;
          job_id: number | null;
          kind: Database["corral"]["Enums"]["run_kind"];
          launched_at: string | null;
          lease_expires_at: string | null;
          max_attempts: number;
          phase: string | null;
          progress: Json | null;
          project_id: string | null;
          redeliver_at: string;
          reported_at: string | null;
          request_id: number | null;
          run_after: string;
          started_at: string | null;
          state: Database["corral"]["Enums"]["run_state"];
          subject: string;
          sync_id: number | null;
        };
        ComputedFields: never;
        Insert: {
          args?: NonNullable<Json>;
          attempt?: number;
          claimed_at?: string | null;
          created_at?: string;
          error_code?: string | null;
          error_message?: string | null;
          execution?: string | null;
          failures?: number;
          finished_at?: string | null;
          id?: never;
          job_id?: never;
          kind: Database["corral"]["Enums"]["run_kind"];
          launched_at?: string | null;
          lease_expires_at?: string | null;
          max_attempts: number;
          phase?: string | null;
          progress?: Json | null;
          project_id?: never;
          redeliver_at?: string;
          reported_at?: string | null;
          request_id?: number | null;
          run_after?: string;
          started_at?: string | null;
          state?: Database["corral"]["Enums"]["run_state"];
          subject: string;
          sync_id?: never;
        };
        Update: {
          args?: NonNullable<Json>;
          attempt?: number;
          claimed_at?: string | null;
          created_at?: string;
          error_code?: string | null;
          error_message?: string | null;
          execution?: string | null;
          failures?: number;
          finished_at?: string | null;
          id?: never;
          job_id?: never;
          kind?: Database["corral"]["Enums"]["run_kind"];
          launched_at?: string | null;
          lease_expires_at?: string | null;
          max_attempts?: number;
          phase?: string | null;
          progress?: Json | null;
          project_id?: never;
          redeliver_at?: string;
          reported_at?: string | null;
          request_id?: number | null;
          run_after?: string;
          started_at?: string | null;
          state?: Database["corral"]["Enums"]["run_state"];
          subject?: string;
          sync_id?: never;
        };
        Relationships: [];
      };
      settings: {
        Row: {
          agent_retention_days: number;
          artifact_days: number;
          audit_retention_days: number;
          audit_seal_seconds: number;
          auto_ingestion: boolean;
          catalog_seconds: number;
          concurrent_queries: number;
          cron_retention_days: number;
          dataset_wait_ceiling_seconds: number;
          dataset_wait_seconds: number;
          draft_timeout_seconds: number;
          idle_requests_per_second: number;
          job_retention_days: number;
          launch_lease_seconds: number;
          lease_seconds: number;
          log_retention_days: number;
          max_attempts: number;
          max_dataset_size_gb: number;
          only_row: boolean;
          open_admin: boolean;
          open_enrollment: boolean;
          poll_floor_seconds: number;
          put_away_after_seconds: number;
          queries_per_runner: number;
          query_memory_mb: number;
          query_retention_days: number;
          query_runners: number;
          query_seconds: number;
          redeliver_seconds: number;
          requests_per_minute: number;
          result_bytes: number;
          result_rows: number;
          retry_base_seconds: number;
          retry_ceiling_seconds: number;
          run_retention_days: number;
          snapshot_retention_days: number;
          snapshots_kept: number;
        };
        ComputedFields: never;
        Insert: {
          agent_retention_days?: number;
          artifact_days?: number;
          audit_retention_days?: number;
          audit_seal_seconds?: number;
          auto_ingestion?: boolean;
          catalog_seconds?: number;
          concurrent_queries?: number;
          cron_retention_days?: number;
          dataset_wait_ceiling_seconds?: number;
          dataset_wait_seconds?: number;
          draft_timeout_seconds?: number;
          idle_requests_per_second?: number;
          job_retention_days?: number;
          launch_lease_seconds?: number;
          lease_seconds?: number;
          log_retention_days?: number;
          max_attempts?: number;
          max_dataset_size_gb?: number;
          only_row?: boolean;
          open_admin?: boolean;
          open_enrollment?: boolean;
          poll_floor_seconds?: number;
          put_away_after_seconds?: number;
          queries_per_runner?: number;
          query_memory_mb?: number;
          query_retention_days?: number;
          query_runners?: number;
          query_seconds?: number;
          redeliver_seconds?: number;
          requests_per_minute?: number;
          result_bytes?: number;
          result_rows?: number;
          retry_base_seconds?: number;
          retry_ceiling_seconds?: number;
          run_retention_days?: number;
          snapshot_retention_days?: number;
          snapshots_kept?: number;
        };
        Update: {
          agent_retention_days?: number;
          artifact_days?: number;
          audit_retention_days?: number;
          audit_seal_seconds?: number;
          auto_ingestion?: boolean;
          catalog_seconds?: number;
          concurrent_queries?: number;
          cron_retention_days?: number;
          dataset_wait_ceiling_seconds?: number;
          dataset_wait_seconds?: number;
          draft_timeout_seconds?: number;
          idle_requests_per_second?: number;
          job_retention_days?: number;
          launch_lease_seconds?: number;
          lease_seconds?: number;
          log_retention_days?: number;
          max_attempts?: number;
          max_dataset_size_gb?: number;
          only_row?: boolean;
          open_admin?: boolean;
          open_enrollment?: boolean;
          poll_floor_seconds?: number;
          put_away_after_seconds?: number;
          queries_per_runner?: number;
          query_memory_mb?: number;
          query_retention_days?: number;
          query_runners?: number;
          query_seconds?: number;
          redeliver_seconds?: number;
          requests_per_minute?: number;
          result_bytes?: number;
          result_rows?: number;
          retry_base_seconds?: number;
          retry_ceiling_seconds?: number;
          run_retention_days?: number;
          snapshot_retention_days?: number;
          snapshots_kept?: number;
        };
        Relationships: [];
      };
      snapshots: {
        Row: {
          certificate: Json | null;
          columns: NonNullable<Json>;
          created_at: string;
          fixed_moment: boolean;
          folder: string;
          id: number;
          moment: string;
          name: string | null;
          row_count: number;
          size_bytes: number;
          sync_id: number;
          table_id: number;
          version: string;
          watermark: string | null;
        };
        ComputedFields: never;
        Insert: {
          certificate?: Json | null;
          columns: NonNullable<Json>;
          created_at?: string;
          fixed_moment: boolean;
          folder: string;
          id?: never;
          moment: string;
          name?: string | null;
          row_count: number;
          size_bytes: number;
          sync_id: number;
          table_id: number;
          version: string;
          watermark?: string | null;
        };
        Update: {
          certificate?: Json | null;
          columns?: NonNullable<Json>;
          created_at?: string;
          fixed_moment?: boolean;
          folder?: string;
          id?: never;
          moment?: string;
          name?: string | null;
          row_count?: number;
          size_bytes?: number;
          sync_id?: number;
          table_id?: number;
          version?: string;
          watermark?: string | null;
        };
        Relationships: [
          {
            foreignKeyName: "snapshots_table_id_fkey";
            columns: ["table_id"];
            isOneToOne: false;
            referencedRelation: "tables";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "snapshots_table_id_fkey";
            columns: ["table_id"];
            isOneToOne: false;
            referencedRelation: "tables_shown";
            referencedColumns: ["table_id"];
          },
        ];
      };
      source_schemas: {
        Row: {
          listed_at: string;
          looked_for: string;
          schema_name: string;
        };
        ComputedFields: never;
        Insert: {
          listed_at: string;
          looked_for: string;
          schema_name: string;
        };
        Update: {
          listed_at?: string;
          looked_for?: string;
          schema_name?: string;
        };
        Relationships: [];
      };
      source_tables: {
        Row: {
          last_modified: string | null;
          row_count: number | null;
          schema_name: string;
          size_bytes: number | null;
          table_name: string;
        };
        ComputedFields: never;
        Insert: {
          last_modified?: string | null;
          row_count?: number | null;
          schema_name: string;
          size_bytes?: number | null;
          table_name: string;
        };
        Update: {
          last_modified?: string | null;
          row_count?: number | null;
          schema_name?: string;
          size_bytes?: number | null;
          table_name?: string;
        };
        Relationships: [
          {
            foreignKeyName: "source_tables_schema_name_fkey";
            columns: ["schema_name"];
            isOneToOne: false;
            referencedRelation: "source_schemas";
            referencedColumns: ["schema_name"];
          },
        ];
      };
      swarms: {
        Row: {
          created_at: string;
          id: number;
          lanes: number;
          name: string;
          owner_id: string | null;
          turn: unknown;
        };
        ComputedFields: never;
        Insert: {
          created_at?: string;
          id?: never;
          lanes?: number;
          name: string;
          owner_id?: string | null;
          turn: unknown;
        };
        Update: {
          created_at?: string;
          id?: never;
          lanes?: number;
          name?: string;
          owner_id?: string | null;
          turn?: unknown;
        };
        Relationships: [];
      };
      syncs: {
        Row: {
          completed_at: string | null;
          created_at: string;
          error: string | null;
          error_code: string | null;
          id: number;
          run_id: number | null;
          spec: NonNullable<Json>;
          started_at: string | null;
          state: Database["corral"]["Enums"]["work_state"];
          stats: Json | null;
          strategy: Database["corral"]["Enums"]["sync_strategy"];
          table_id: number;
          version: string | null;
        };
        ComputedFields: never;
        Insert: {
          completed_at?: string | null;
          created_at?: string;
          error?: string | null;
          error_code?: string | null;
          id?: never;
          run_id?: number | null;
          spec: NonNullable<Json>;
          started_at?: string | null;
          state?: Database["corral"]["Enums"]["work_state"];
          stats?: Json | null;
          strategy: Database["corral"]["Enums"]["sync_strategy"];
          table_id: number;
          version?: string | null;
        };
        Update: {
          completed_at?: string | null;
          created_at?: string;
          error?: string | null;
          error_code?: string | null;
          id?: never;
          run_id?: number | null;
          spec?: NonNullable<Json>;
          started_at?: string | null;
          state?: Database["corral"]["Enums"]["work_state"];
          stats?: Json | null;
          strategy?: Database["corral"]["Enums"]["sync_strategy"];
          table_id?: number;
          version?: string | null;
        };
        Relationships: [
          {
            foreignKeyName: "syncs_table_id_fkey";
            columns: ["table_id"];
            isOneToOne: false;
            referencedRelation: "tables";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "syncs_table_id_fkey";
            columns: ["table_id"];
            isOneToOne: false;
            referencedRelation: "tables_shown";
            referencedColumns: ["table_id"];
          },
        ];
      };
      tables: {
        Row: {
          created_at: string;
          description: string | null;
          id: number;
          is_active: boolean;
          removed_at: string | null;
          schedule: string | null;
          schedule_spec: Json | null;
          schema_name: string;
          snapshot_id: number | null;
          table_name: string;
          tags: string[];
        };
        ComputedFields: never;
        Insert: {
          created_at?: string;
          description?: string | null;
          id?: never;
          is_active?: boolean;
          removed_at?: string | null;
          schedule?: string | null;
          schedule_spec?: Json | null;
          schema_name: string;
          snapshot_id?: number | null;
          table_name: string;
          tags?: string[];
        };
        Update: {
          created_at?: string;
          description?: string | null;
          id?: never;
          is_active?: boolean;
          removed_at?: string | null;
          schedule?: string | null;
          schedule_spec?: Json | null;
          schema_name?: string;
          snapshot_id?: number | null;
          table_name?: string;
          tags?: string[];
        };
        Relationships: [
          {
            foreignKeyName: "tables_snapshot_id_fkey";
            columns: ["snapshot_id"];
            isOneToOne: false;
            referencedRelation: "snapshots";
            referencedColumns: ["id"];
          },
        ];
      };
      tasks: {
        Row: {
          agent_id: string | null;
          attempt: number;
          chunk: string | null;
          claimed_at: string | null;
          failures: number;
          finished_at: string | null;
          id: number;
          message: string | null;
          progress: number | null;
          reasons: Json | null;
          request_id: string | null;
          result_rows: number | null;
          result_url: string | null;
          rows: number | null;
          state: Database["corral"]["Enums"]["task_state"];
        };
        ComputedFields: never;
        Insert: {
          agent_id?: string | null;
          attempt?: number;
          chunk?: string | null;
          claimed_at?: string | null;
          failures?: number;
          finished_at?: string | null;
          id: number;
          message?: string | null;
          progress?: number | null;
          reasons?: Json | null;
          request_id?: string | null;
          result_rows?: number | null;
          result_url?: string | null;
          rows?: number | null;
          state?: Database["corral"]["Enums"]["task_state"];
        };
        Update: {
          agent_id?: string | null;
          attempt?: number;
          chunk?: string | null;
          claimed_at?: string | null;
          failures?: number;
          finished_at?: string | null;
          id?: number;
          message?: string | null;
          progress?: number | null;
          reasons?: Json | null;
          request_id?: string | null;
          result_rows?: number | null;
          result_url?: string | null;
          rows?: number | null;
          state?: Database["corral"]["Enums"]["task_state"];
        };
        Relationships: [];
      };
      tokens: {
        Row: {
          agent: string | null;
          created_at: string;
          expires_at: string | null;
          hash: string;
          id: number;
          limits: NonNullable<Json>;
          name: string | null;
          revoked_at: string | null;
          swarm_id: number;
          type: Database["corral"]["Enums"]["token_type"];
        };
        ComputedFields: never;
        Insert: {
          agent?: string | null;
          created_at?: string;
          expires_at?: string | null;
          hash: string;
          id?: never;
          limits?: NonNullable<Json>;
          name?: string | null;
          revoked_at?: string | null;
          swarm_id: number;
          type?: Database["corral"]["Enums"]["token_type"];
        };
        Update: {
          agent?: string | null;
          created_at?: string;
          expires_at?: string | null;
          hash?: string;
          id?: never;
          limits?: NonNullable<Json>;
          name?: string | null;
          revoked_at?: string | null;
          swarm_id?: number;
          type?: Database["corral"]["Enums"]["token_type"];
        };
        Relationships: [
          {
            foreignKeyName: "tokens_swarm_id_fkey";
            columns: ["swarm_id"];
            isOneToOne: false;
            referencedRelation: "swarms";
            referencedColumns: ["id"];
          },
        ];
      };
    };
    Views: {
      agents_shown: {
        Row: {
          created_at: string;
          gpu_model: string | null;
          id: string;
          last_seen_at: string;
          owner_id: string;
          ram_total: string | null;
          status: Database["corral"]["Enums"]["agent_status"] | null;
          swarm: string;
        };
        ComputedFields: never;
        Relationships: [];
      };
      artifacts_shown: {
        Row: {
          agent: string | null;
          artifact_id: string;
          crc32c: string | null;
          created_at: string;
          expires_at: string;
          format: Database["corral"]["Enums"]["artifact_format"];
          metadata: NonNullable<Json>;
          name: string;
          object: string;
          size_bytes: number | null;
          state: Database["corral"]["Enums"]["artifact_state"];
          swarm: string;
          tags: string[];
          type: Database["corral"]["Enums"]["artifact_type"];
        };
        ComputedFields: never;
        Relationships: [];
      };
      grants_shown: {
        Row: {
          created_at: string;
          hidden_columns: string[];
          masked_columns: string[];
          schema_name: string;
          swarm: string;
          table_id: number;
          table_name: string;
          unknown_columns: string[] | null;
        };
        ComputedFields: never;
        Relationships: [
          {
            foreignKeyName: "grants_table_id_fkey";
            columns: ["table_id"];
            isOneToOne: false;
            referencedRelation: "tables";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "grants_table_id_fkey";
            columns: ["table_id"];
            isOneToOne: false;
            referencedRelation: "tables_shown";
            referencedColumns: ["table_id"];
          },
        ];
      };
      queries_shown: {
        Row: {
          columns: Json | null;
          created_at: string;
          error: string | null;
          error_code: string | null;
          finished_at: string | null;
          is_cut: boolean | null;
          output_format: Database["corral"]["Enums"]["output_format"];
          preview: Json | null;
          query_id: string;
          receipt: Json | null;
          result_bytes: number | null;
          result_object: string | null;
          row_count: number | null;
          sql: string;
          started_at: string | null;
          stats: Json | null;
          status: Database["corral"]["Enums"]["work_state"];
          swarm_id: number | null;
        };
        ComputedFields: never;
        Insert: {
          columns?: Json | null;
          created_at?: string | null;
          error?: string | null;
          error_code?: string | null;
          finished_at?: string | null;
          is_cut?: boolean | null;
          output_format?: Database["corral"]["Enums"]["output_format"] | null;
          preview?: Json | null;
          query_id?: string | null;
          receipt?: Json | null;
          result_bytes?: number | null;
          result_object?: string | null;
          row_count?: number | null;
          sql?: string | null;
          started_at?: string | null;
          stats?: Json | null;
          status?: Database["corral"]["Enums"]["work_state"] | null;
          swarm_id?: number | null;
        };
        Update: {
          columns?: Json | null;
          created_at?: string | null;
          error?: string | null;
          error_code?: string | null;
          finished_at?: string | null;
          is_cut?: boolean | null;
          output_format?: Database["corral"]["Enums"]["output_format"] | null;
          preview?: Json | null;
          query_id?: string | null;
          receipt?: Json | null;
          result_bytes?: number | null;
          result_object?: string | null;
          row_count?: number | null;
          sql?: string | null;
          started_at?: string | null;
          stats?: Json | null;
          status?: Database["corral"]["Enums"]["work_state"] | null;
          swarm_id?: number | null;
        };
        Relationships: [
          {
            foreignKeyName: "queries_swarm_id_fkey";
            columns: ["swarm_id"];
            isOneToOne: false;
            referencedRelation: "swarms";
            referencedColumns: ["id"];
          },
        ];
      };
      reception: {
        Row: {
          open_enrollment: boolean;
          poll_after: number | null;
        };
        ComputedFields: never;
        Insert: {
          open_enrollment?: boolean | null;
          poll_after?: never;
        };
        Update: {
          open_enrollment?: boolean | null;
          poll_after?: never;
        };
        Relationships: [];
      };
      syncs_shown: {
        Row: {
          completed_at: string | null;
          created_at: string;
          error: string | null;
          error_code: string | null;
          progress: Json | null;
          run_id: number | null;
          schema_name: string;
          started_at: string | null;
          stats: Json | null;
          status: Database["corral"]["Enums"]["work_state"];
          strategy: Database["corral"]["Enums"]["sync_strategy"];
          sync_id: number;
          table_name: string;
          version: string | null;
        };
        ComputedFields: never;
        Relationships: [];
      };
      tables_shown: {
        Row: {
          created_at: string;
          description: string | null;
          last_error: string | null;
          last_sync_at: string | null;
          last_sync_id: number | null;
          last_sync_status: Database["corral"]["Enums"]["work_state"] | null;
          row_count: number | null;
          schedule: string | null;
          schedule_spec: Json | null;
          schema_name: string;
          size_bytes: number | null;
          status: string | null;
          strategy: Database["corral"]["Enums"]["sync_strategy"] | null;
          synced_at: string | null;
          table_id: number;
          table_name: string;
          tags: string[];
          version: string | null;
        };
        ComputedFields: never;
        Relationships: [];
      };
      task_list: {
        Row: {
          attempt: number | null;
          created_at: string | null;
          error: string | null;
          error_code: string | null;
          finished_at: string | null;
          is_scheduled: boolean | null;
          progress: Json | null;
          query_id: string | null;
          queue: string | null;
          run_id: number | null;
          started_at: string | null;
          state: string | null;
          subject: string | null;
          task_id: string | null;
          show_task: Json | null;
        };
        ComputedFields: "show_task";
        Relationships: [];
      };
      tokens_shown: {
        Row: {
          agent: string | null;
          created_at: string;
          expires_at: string | null;
          last_used_at: string | null;
          limits: NonNullable<Json>;
          name: string | null;
          revoked_at: string | null;
          swarm: string;
          token_id: number;
          type: Database["corral"]["Enums"]["token_type"];
        };
        ComputedFields: never;
        Relationships: [];
      };
    };
    Functions: {
      add_job: {
        Args: {
          p_open: boolean;
          p_spec: Database["corral"]["CompositeTypes"]["job_spec"];
          p_swarm: number;
          p_wishes: Json;
        };
        Returns: {
          job_id: number;
          outcome: Database["corral"]["Enums"]["create_job_outcome"];
        }[];
      };
      add_sync: {
        Args: {
          p_spec: Json;
          p_table: Omit<
            Database["corral"]["Tables"]["tables"]["Row"],
            Database["corral"]["Tables"]["tables"]["ComputedFields"]
          >;
        };
        Returns: number;
      };
      admin: {
        Args: { p_call: number };
        Returns: {
          agent: string | null;
          at: string;
          bytes: number | null;
          call_id: number;
          details: Json | null;
          error_code: string | null;
          event: Database["corral"]["Enums"]["audit_event"];
          id: number;
          is_admin: boolean;
          method: string | null;
          milliseconds: number | null;
          path: string | null;
          request_id: string | null;
          rows: number | null;
          status: number | null;
          swarm: string | null;
          swarm_id: number | null;
          token_id: number | null;
          transaction_id: unknown;
          user_id: string | null;
        };
        SetofOptions: {
          from: "*";
          to: "audit";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      announce_run: { Args: { p_run: number }; Returns: undefined };
      announce_seals: { Args: Record<PropertyKey, never>; Returns: undefined };
      assign_tasks: {
        Args: { p_calls: Json };
        Returns: {
          attempt: number;
          call: number;
          chunk: string;
          code_url: string;
          job_id: number;
          lease_expires_at: string;
          outcome: Database["corral"]["Enums"]["assignment_outcome"];
          poll_after_seconds: number;
          requirements_url: string;
          server_time: string;
          task_id: number;
          task_timeout_seconds: number;
        }[];
      };
      audit_line: {
        Args: {
          p_row: Omit<
            Database["corral"]["Tables"]["audit"]["Row"],
            Database["corral"]["Tables"]["audit"]["ComputedFields"]
          >;
        };
        Returns: string;
      };
      backoff: { Args: { p_failures: number }; Returns: string };
      bare_name: { Args: { p_name: string }; Returns: string };
      begin_training: { Args: { p_job: number }; Returns: undefined };
      call_query_runners: { Args: Record<PropertyKey, never>; Returns: undefined };
      caller: {
        Args: { p_call: number };
        Returns: {
          agent: string | null;
          at: string;
          bytes: number | null;
          call_id: number;
          details: Json | null;
          error_code: string | null;
          event: Database["corral"]["Enums"]["audit_event"];
          id: number;
          is_admin: boolean;
          method: string | null;
          milliseconds: number | null;
          path: string | null;
          request_id: string | null;
          rows: number | null;
          status: number | null;
          swarm: string | null;
          swarm_id: number | null;
          token_id: number | null;
          transaction_id: unknown;
          user_id: string | null;
        };
        SetofOptions: {
          from: "*";
          to: "audit";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      cancel_dataset_run: { Args: { p_code: string; p_message: string; p_project: string }; Returns: undefined };
      cancel_job: {
        Args: {
          p_job: Omit<
            Database["corral"]["Tables"]["jobs"]["Row"],
            Database["corral"]["Tables"]["jobs"]["ComputedFields"]
          >;
        };
        Returns: Database["corral"]["Enums"]["control_job_outcome"];
      };
      cleanup: { Args: Record<PropertyKey, never>; Returns: undefined };
      cleanup_data: { Args: Record<PropertyKey, never>; Returns: undefined };
      close_job: {
        Args: {
          p_error_code?: string;
          p_error_message?: string;
          p_job: Omit<
            Database["corral"]["Tables"]["jobs"]["Row"],
            Database["corral"]["Tables"]["jobs"]["ComputedFields"]
          >;
          p_status: Database["corral"]["Enums"]["job_status"];
        };
        Returns: undefined;
      };
      close_queue: { Args: { p_job: number }; Returns: undefined };
      count_fleet: { Args: Record<PropertyKey, never>; Returns: undefined };
      count_tasks: {
        Args: {
          p_job: Omit<
            Database["corral"]["Tables"]["jobs"]["Row"],
            Database["corral"]["Tables"]["jobs"]["ComputedFields"]
          >;
        };
        Returns: Database["corral"]["CompositeTypes"]["task_counts"];
        SetofOptions: {
          from: "corral.jobs";
          to: "task_counts";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      create_swarm: { Args: { p_name: string; p_owner?: string }; Returns: number };
      draw_tasks: {
        Args: { p_satisfies: number[]; p_swarm: number; p_turn?: number; p_wanted: number };
        Returns: number[];
      };
      drawn: { Args: { p_sequence: unknown; p_total: number }; Returns: number };
      encode_segment: { Args: { p_text: string }; Returns: string };
      end_cancelled_tasks: { Args: { p_job: number }; Returns: undefined };
      end_tasks: {
        Args: { p_calls: Json };
        Returns: {
          call: number;
          job_id: number;
          outcome: Database["corral"]["Enums"]["completion_outcome"];
          poll_after_seconds: number;
          server_time: string;
          settle: boolean;
        }[];
      };
      enqueue_run: { Args: { p_kind: Database["corral"]["Enums"]["run_kind"]; p_subject: string }; Returns: number };
      enqueue_waiting_projects: { Args: Record<PropertyKey, never>; Returns: number };
      ensure_swarm: { Args: { p_name: string }; Returns: number };
      expire_leases: { Args: Record<PropertyKey, never>; Returns: number };
      expire_task_leases: { Args: Record<PropertyKey, never>; Returns: number };
      fail_stale_drafts: { Args: Record<PropertyKey, never>; Returns: undefined };
      fault_of_sync: { Args: { p_spec: Json }; Returns: string };
      find_dataset: {
        Args: { p_project: string };
        Returns: Database["public"]["Tables"]["datasets"]["Row"][];
        SetofOptions: {
          from: "*";
          to: "datasets";
          isOneToOne: false;
          isSetofReturn: true;
        };
      };
      find_live_run: { Args: { p_kind: Database["corral"]["Enums"]["run_kind"]; p_subject: string }; Returns: number };
      find_query: {
        Args: { p_call: number; p_query: string };
        Returns: {
          attempt: number;
          call_id: number;
          columns: Json | null;
          created_at: string;
          error: string | null;
          error_code: string | null;
          finished_at: string | null;
          holder: string;
          id: string;
          is_cut: boolean | null;
          limits: NonNullable<Json>;
          output_format: Database["corral"]["Enums"]["output_format"];
          parameters: Json | null;
          preview: Json | null;
          receipt: Json | null;
          result_bytes: number | null;
          result_object: string | null;
          row_count: number | null;
          run_attempt: number | null;
          run_id: number | null;
          snapshots: NonNullable<Json>;
          sql: string;
          started_at: string | null;
          state: Database["corral"]["Enums"]["work_state"];
          stats: Json | null;
          swarm_id: number | null;
        };
        SetofOptions: {
          from: "*";
          to: "queries";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      find_stopped_tasks: { Args: { p_agent: string; p_tasks: Json }; Returns: number[] };
      find_swarm: { Args: { p_token: string }; Returns: number };
      find_swarm_by_name: { Args: { p_admin: boolean; p_name: string; p_user: string }; Returns: number };
      find_table: {
        Args: { p_schema: string; p_swarm?: number; p_table: string };
        Returns: {
          created_at: string;
          description: string | null;
          id: number;
          is_active: boolean;
          removed_at: string | null;
          schedule: string | null;
          schedule_spec: Json | null;
          schema_name: string;
          snapshot_id: number | null;
          table_name: string;
          tags: string[];
        };
        SetofOptions: {
          from: "*";
          to: "tables";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      find_task: {
        Args: { p_task: number };
        Returns: {
          agent_id: string | null;
          attempt: number;
          chunk: string | null;
          claimed_at: string | null;
          failures: number;
          finished_at: string | null;
          id: number;
          message: string | null;
          progress: number | null;
          reasons: Json | null;
          request_id: string | null;
          result_rows: number | null;
          result_url: string | null;
          rows: number | null;
          state: Database["corral"]["Enums"]["task_state"];
        };
        SetofOptions: {
          from: "*";
          to: "tasks";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      find_training_fault: { Args: { p_training: Json }; Returns: string };
      find_url_fault: { Args: { p_url: string }; Returns: string };
      find_wish_fault: { Args: { p_field: string; p_wish: Json }; Returns: string };
      fold_queue: {
        Args: {
          p_queue: Omit<
            Database["corral"]["Tables"]["queue"]["Row"],
            Database["corral"]["Tables"]["queue"]["ComputedFields"]
          >;
        };
        Returns: undefined;
      };
      forget_audit: { Args: Record<PropertyKey, never>; Returns: undefined };
      forget_idle_credentials: { Args: Record<PropertyKey, never>; Returns: undefined };
      forget_kaggle_credentials: { Args: { p_project: string }; Returns: undefined };
      forget_old_jobs: { Args: Record<PropertyKey, never>; Returns: undefined };
      forget_snapshots: { Args: Record<PropertyKey, never>; Returns: undefined };
      format_size: { Args: { p_bytes: number }; Returns: string };
      give_tasks: {
        Args: { p_now: string; p_positions: number[]; p_seekers: Database["corral"]["CompositeTypes"]["seeker"][] };
        Returns: number[];
      };
      give_up_job: {
        Args: {
          p_code: string;
          p_message: string;
          p_run: Omit<
            Database["corral"]["Tables"]["runs"]["Row"],
            Database["corral"]["Tables"]["runs"]["ComputedFields"]
          >;
        };
        Returns: undefined;
      };
      give_up_run: {
        Args: {
          p_code: string;
          p_message: string;
          p_run: Omit<
            Database["corral"]["Tables"]["runs"]["Row"],
            Database["corral"]["Tables"]["runs"]["ComputedFields"]
          >;
        };
        Returns: undefined;
      };
      give_up_sync: { Args: { p_code: string; p_message: string; p_sync: number }; Returns: undefined };
      hold_query_queue: { Args: { p_alone: boolean }; Returns: undefined };
      is_due: {
        Args: {
          p_agent: Omit<
            Database["corral"]["Tables"]["agents"]["Row"],
            Database["corral"]["Tables"]["agents"]["ComputedFields"]
          >;
          p_poll_after: number;
          p_shows_token: boolean;
        };
        Returns: boolean;
      };
      is_offline: {
        Args: {
          p_agent: Omit<
            Database["corral"]["Tables"]["agents"]["Row"],
            Database["corral"]["Tables"]["agents"]["ComputedFields"]
          >;
        };
        Returns: boolean;
      };
      is_query_runner: { Args: { p_attempt: number; p_run: number }; Returns: boolean };
      issue_swarm_token: { Args: { p_expires_at?: string; p_swarm: string }; Returns: string };
      jitter: { Args: { p_seconds: number }; Returns: number };
      job_of: { Args: { p_task: number }; Returns: number };
      judge_completions: {
        Args: { p_calls: Json; p_open: boolean };
        Returns: Database["corral"]["CompositeTypes"]["completion"][];
      };
      kaggle_secret_name: { Args: { p_project: string }; Returns: string };
      kind_key: { Args: { p_gpu_model: string; p_tags: string[] }; Returns: string };
      lease_end: {
        Args: {
          p_agent: Omit<
            Database["corral"]["Tables"]["agents"]["Row"],
            Database["corral"]["Tables"]["agents"]["ComputedFields"]
          >;
          p_job: Omit<
            Database["corral"]["Tables"]["jobs"]["Row"],
            Database["corral"]["Tables"]["jobs"]["ComputedFields"]
          >;
          p_task: Omit<
            Database["corral"]["Tables"]["tasks"]["Row"],
            Database["corral"]["Tables"]["tasks"]["ComputedFields"]
          >;
        };
        Returns: string;
      };
      lend_dispenser: { Args: { p_job: number }; Returns: unknown };
      limits_of: {
        Args: {
          p_asked: Json;
          p_call: Omit<
            Database["corral"]["Tables"]["audit"]["Row"],
            Database["corral"]["Tables"]["audit"]["ComputedFields"]
          >;
        };
        Returns: Json;
      };
      list_task_failures: { Args: { p_job: number }; Returns: Json };
      live_sync: { Args: { p_table: number }; Returns: number };
      lock_artifact: {
        Args: { p_artifact: string; p_call: number; p_more?: Json };
        Returns: {
          agent: string | null;
          crc32c: string | null;
          created_at: string;
          expires_at: string;
          format: Database["corral"]["Enums"]["artifact_format"];
          id: string;
          kept_days: number;
          metadata: NonNullable<Json>;
          name: string;
          object: string;
          size_bytes: number | null;
          state: Database["corral"]["Enums"]["artifact_state"];
          swarm_id: number;
          tags: string[];
          type: Database["corral"]["Enums"]["artifact_type"];
        };
        SetofOptions: {
          from: "*";
          to: "artifacts";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      lock_attempt: {
        Args: { p_attempt: number; p_run: number };
        Returns: {
          args: NonNullable<Json>;
          attempt: number;
          claimed_at: string | null;
          created_at: string;
          error_code: string | null;
          error_message: string | null;
          execution: string | null;
          failures: number;
          finished_at: string | null;
          id: number;
          job_id: number | null;
          kind: Database["corral"]["Enums"]["run_kind"];
          launched_at: string | null;
          lease_expires_at: string | null;
          max_attempts: number;
          phase: string | null;
          progress: Json | null;
          project_id: string | null;
          redeliver_at: string;
          reported_at: string | null;
          request_id: number | null;
          run_after: string;
          started_at: string | null;
          state: Database["corral"]["Enums"]["run_state"];
          subject: string;
          sync_id: number | null;
        };
        SetofOptions: {
          from: "*";
          to: "runs";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      lock_job: {
        Args: { p_job: number; p_wait: boolean };
        Returns: {
          aggregate: Database["corral"]["Enums"]["aggregate_mode"];
          chunks: number | null;
          code_url: string | null;
          completed_tasks: number;
          created_at: string;
          data_file: string | null;
          data_url: string | null;
          error_code: string | null;
          error_message: string | null;
          failed_tasks: number;
          final_result_url: string | null;
          finished_at: string | null;
          id: number;
          idempotency_key: string | null;
          is_draft: boolean;
          is_open: boolean;
          is_paused: boolean;
          is_put_away: boolean;
          max_attempts: number;
          owner_id: string | null;
          priority: number;
          project_id: string | null;
          published_at: string | null;
          requirement_id: number;
          requirements_url: string | null;
          result_details: Json | null;
          rows_per_chunk: number | null;
          status: Database["corral"]["Enums"]["job_status"];
          swarm_id: number;
          task_timeout_seconds: number;
          title: string;
          total_rows: number | null;
          total_tasks: number | null;
          wishes_hash: string | null;
        };
        SetofOptions: {
          from: "*";
          to: "jobs";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      lock_table: {
        Args: { p_schema: string; p_table: string };
        Returns: {
          created_at: string;
          description: string | null;
          id: number;
          is_active: boolean;
          removed_at: string | null;
          schedule: string | null;
          schedule_spec: Json | null;
          schema_name: string;
          snapshot_id: number | null;
          table_name: string;
          tags: string[];
        };
        SetofOptions: {
          from: "*";
          to: "tables";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      look_at_source: {
        Args: { p_at: string; p_run: number; p_schema: string; p_table: string };
        Returns: {
          error_code: string;
          error_message: string;
          run_id: number;
          schema_name: string;
          state: Database["corral"]["Enums"]["source_state"];
          table_name: string;
        }[];
      };
      may_read_url: { Args: { p_open: boolean; p_owner: string; p_url: string }; Returns: boolean };
      may_read_urls: { Args: { p_open: boolean; p_owner: string; p_urls: string[] }; Returns: boolean };
      may_speak: {
        Args: {
          p_agent: Omit<
            Database["corral"]["Tables"]["agents"]["Row"],
            Database["corral"]["Tables"]["agents"]["ComputedFields"]
          >;
          p_open: boolean;
          p_token: string;
        };
        Returns: boolean;
      };
      mend_queue: { Args: Record<PropertyKey, never>; Returns: undefined };
      name_fit: { Args: { p_name: string; p_written: string }; Returns: number };
      normalize_tags: { Args: { p_tags: string[] }; Returns: string[] };
      note_empty: {
        Args: {
          p_queue: Omit<
            Database["corral"]["Tables"]["queue"]["Row"],
            Database["corral"]["Tables"]["queue"]["ComputedFields"]
          >;
          p_what: string;
        };
        Returns: undefined;
      };
      note_refusals: { Args: Record<PropertyKey, never>; Returns: undefined };
      note_refused_table: { Args: { p_call: number; p_schema: string; p_table: string }; Returns: undefined };
      note_returns: { Args: { p_job: number }; Returns: undefined };
      note_seen: {
        Args: { p_now: string; p_seekers: Database["corral"]["CompositeTypes"]["seeker"][] };
        Returns: undefined;
      };
      note_table: {
        Args: {
          p_call: number;
          p_more?: Json;
          p_table: Omit<
            Database["corral"]["Tables"]["tables"]["Row"],
            Database["corral"]["Tables"]["tables"]["ComputedFields"]
          >;
        };
        Returns: undefined;
      };
      now: { Args: Record<PropertyKey, never>; Returns: string };
      open_queue: {
        Args: {
          p_all: boolean;
          p_job: Omit<
            Database["corral"]["Tables"]["jobs"]["Row"],
            Database["corral"]["Tables"]["jobs"]["ComputedFields"]
          >;
        };
        Returns: undefined;
      };
      pause_job: {
        Args: {
          p_job: Omit<
            Database["corral"]["Tables"]["jobs"]["Row"],
            Database["corral"]["Tables"]["jobs"]["ComputedFields"]
          >;
          p_paused: boolean;
        };
        Returns: Database["corral"]["Enums"]["control_job_outcome"];
      };
      put_away_tasks: { Args: Record<PropertyKey, never>; Returns: number };
      put_grant: {
        Args: { p_hidden: string[]; p_masked: string[]; p_swarm: string; p_table: number };
        Returns: number;
      };
      read_ram_gb: { Args: { p_ram: Json }; Returns: number };
      read_secret: { Args: { p_name: string }; Returns: string };
      read_seekers: {
        Args: { p_calls: Json; p_now: string };
        Returns: Database["corral"]["CompositeTypes"]["seeker"][];
      };
      record_beats: {
        Args: { p_calls: Json };
        Returns: {
          call: number;
          outcome: Database["corral"]["Enums"]["heartbeat_outcome"];
          poll_after_seconds: number;
          server_time: string;
          stop: number[];
        }[];
      };
      record_query_end: {
        Args: {
          p_query: Omit<
            Database["corral"]["Tables"]["queries"]["Row"],
            Database["corral"]["Tables"]["queries"]["ComputedFields"]
          >;
        };
        Returns: undefined;
      };
      redeliver_runs: { Args: Record<PropertyKey, never>; Returns: number };
      refresh_lane: { Args: { p_lane_key: string; p_swarm: number; p_wait?: boolean }; Returns: undefined };
      refuse_admin: { Args: { p_admin: boolean; p_user: string }; Returns: Database["corral"]["Enums"]["refusal"] };
      refuse_agent: { Args: { p_agent: string; p_token: string }; Returns: string };
      refuse_attempt: {
        Args: {
          p_agent: string;
          p_attempt: number;
          p_job_status: Database["corral"]["Enums"]["job_status"];
          p_task: Omit<
            Database["corral"]["Tables"]["tasks"]["Row"],
            Database["corral"]["Tables"]["tasks"]["ComputedFields"]
          >;
        };
        Returns: string;
      };
      refuse_job: {
        Args: {
          p_admin: boolean;
          p_job: Omit<
            Database["corral"]["Tables"]["jobs"]["Row"],
            Database["corral"]["Tables"]["jobs"]["ComputedFields"]
          >;
          p_user: string;
        };
        Returns: string;
      };
      refuse_maker: {
        Args: { p_admin: boolean; p_spec: Database["corral"]["CompositeTypes"]["job_spec"]; p_user: string };
        Returns: string;
      };
      refuse_project: {
        Args: { p_admin: boolean; p_open: boolean; p_project: string; p_user: string };
        Returns: Database["corral"]["Enums"]["refusal"];
      };
      require_source: {
        Args: { p_found_schema: string; p_found_table: string; p_schema: string; p_table: string };
        Returns: undefined;
      };
      resolve_capability: { Args: { p_gpu_model: string; p_ram_gb: number; p_tags: string[] }; Returns: number };
      resolve_requirement: { Args: { p_gpu_model: string; p_ram_gb: number; p_tags: string[] }; Returns: number };
      retry_failed_tasks: {
        Args: {
          p_job: Omit<
            Database["corral"]["Tables"]["jobs"]["Row"],
            Database["corral"]["Tables"]["jobs"]["ComputedFields"]
          >;
        };
        Returns: number;
      };
      retry_run: {
        Args: {
          p_code: string;
          p_message: string;
          p_retry_after_seconds: number;
          p_retryable: boolean;
          p_run: Omit<
            Database["corral"]["Tables"]["runs"]["Row"],
            Database["corral"]["Tables"]["runs"]["ComputedFields"]
          >;
        };
        Returns: Database["corral"]["Enums"]["failure_outcome"];
      };
      return_burnt_tickets: { Args: Record<PropertyKey, never>; Returns: number };
      return_task: {
        Args: {
          p_counts: boolean;
          p_max_attempts: number;
          p_pause: string;
          p_reason: string;
          p_retryable: boolean;
          p_task: Omit<
            Database["corral"]["Tables"]["tasks"]["Row"],
            Database["corral"]["Tables"]["tasks"]["ComputedFields"]
          >;
        };
        Returns: Database["corral"]["Enums"]["task_state"];
      };
      satisfies: {
        Args: {
          p_capability: Omit<
            Database["corral"]["Tables"]["capabilities"]["Row"],
            Database["corral"]["Tables"]["capabilities"]["ComputedFields"]
          >;
          p_requirement: Omit<
            Database["corral"]["Tables"]["requirements"]["Row"],
            Database["corral"]["Tables"]["requirements"]["ComputedFields"]
          >;
        };
        Returns: boolean;
      };
      seal_audit: { Args: Record<PropertyKey, never>; Returns: number };
      seal_end: { Args: { p_from: unknown; p_settled: unknown }; Returns: unknown };
      settle_jobs: { Args: Record<PropertyKey, never>; Returns: number };
      show_task: {
        Args: {
          p_task: Omit<
            Database["corral"]["Views"]["task_list"]["Row"],
            Database["corral"]["Views"]["task_list"]["ComputedFields"]
          >;
        };
        Returns: Json;
      };
      spend_call: { Args: { p_holder: string; p_per_minute: number }; Returns: number };
      start_scheduled_sync: { Args: { p_table: number }; Returns: undefined };
      stop_sync: { Args: { p_sync: number }; Returns: undefined };
      store_kaggle_credentials: { Args: { p_credentials: Json; p_project: string }; Returns: undefined };
      succeed_run: { Args: { p_run: number }; Returns: undefined };
      sweep: {
        Args: Record<PropertyKey, never>;
        Returns: {
          enqueued: number;
          expired: number;
          redelivered: number;
        }[];
      };
      sweep_queries: { Args: Record<PropertyKey, never>; Returns: undefined };
      sweep_tasks: {
        Args: Record<PropertyKey, never>;
        Returns: {
          burnt: number;
          expired: number;
          put_away: number;
          settled: number;
        }[];
      };
      tables_in_sight: {
        Args: {
          p_call: Omit<
            Database["corral"]["Tables"]["audit"]["Row"],
            Database["corral"]["Tables"]["audit"]["ComputedFields"]
          >;
        };
        Returns: Database["corral"]["CompositeTypes"]["table_sight"][];
        SetofOptions: {
          from: "corral.audit";
          to: "table_sight";
          isOneToOne: false;
          isSetofReturn: true;
        };
      };
      tables_named: {
        Args: { p_schema: string; p_table: string };
        Returns: {
          created_at: string;
          description: string | null;
          id: number;
          is_active: boolean;
          removed_at: string | null;
          schedule: string | null;
          schedule_spec: Json | null;
          schema_name: string;
          snapshot_id: number | null;
          table_name: string;
          tags: string[];
        }[];
        SetofOptions: {
          from: "*";
          to: "tables";
          isOneToOne: false;
          isSetofReturn: true;
        };
      };
      take_tasks: {
        Args: {
          p_queue: Omit<
            Database["corral"]["Tables"]["queue"]["Row"],
            Database["corral"]["Tables"]["queue"]["ComputedFields"]
          >;
          p_wanted: number;
        };
        Returns: number[];
      };
      task_id: { Args: { p_job: number; p_number: number }; Returns: number };
      text_list: { Args: { p_list: Json }; Returns: string[] };
      train_project: {
        Args: {
          p_project: Omit<
            Database["public"]["Tables"]["projects"]["Row"],
            Database["public"]["Tables"]["projects"]["ComputedFields"]
          >;
        };
        Returns: undefined;
      };
      try_lock_project: { Args: { p_project: string }; Returns: boolean };
      unknown_columns: { Args: { p_columns: Json; p_names: string[] }; Returns: string[] };
      unschedule_table: { Args: { p_table: number }; Returns: undefined };
      variant_of: { Args: { p_hidden: string[]; p_masked: string[] }; Returns: string };
      visible_columns: { Args: { p_columns: Json; p_hidden: string[]; p_masked: string[] }; Returns: Json };
      with_companions: { Args: { p_columns: Json; p_names: string[] }; Returns: string[] };
      write_log: { Args: { p_log_level: string; p_message: string; p_project: string }; Returns: undefined };
      write_message: { Args: { p_content: string; p_project: string }; Returns: undefined };
      write_secret: { Args: { p_description: string; p_name: string; p_value: string }; Returns: undefined };
    };
    Enums: {
      add_tasks_outcome: "added" | "stale";
      admission: "admitted" | "unauthorized" | "forbidden" | "rate_limited";
      agent_status: "IDLE" | "BUSY" | "WORKING" | "OFFLINE";
      aggregate_mode: "none" | "concat" | "fedavg" | "auto";
      artifact_format: "json" | "csv" | "parquet" | "pickle" | "text" | "binary";
      artifact_state: "pending" | "ready";
      artifact_type: "data" | "model" | "report" | "other";
      assignment_outcome: "assigned" | "nothing" | "not_asked" | "agent_not_found" | "unauthorized";
      audit_event: "received" | "detail" | "finished";
      claim_outcome: "claimed" | "not_due" | "gone";
      complete_query_outcome: "completed" | "stale";
      completion_outcome:
        | "completed"
        | "task_not_found"
        | "task_not_assigned"
        | "stale_attempt"
        | "job_cancelled"
        | "result_not_yours"
        | "agent_not_found"
        | "unauthorized";
      control_job_outcome: "done" | "unchanged" | "job_not_found" | "unauthorized" | "job_over";
      create_job_outcome:
        | "created"
        | "existing"
        | "unauthorized"
        | "user_not_found"
        | "swarm_not_found"
        | "project_not_found"
        | "dataset_missing"
        | "url_not_yours"
        | "idempotency_conflict";
      dataset_status_outcome: "found" | "project_not_found" | "unauthorized";
      deregister_outcome: "deregistered" | "agent_not_found" | "unauthorized";
      download_job_outcome: "found" | "job_not_found" | "job_not_yours" | "unauthorized";
      fail_query_outcome: "failed" | "stale";
      failure_outcome: "retrying" | "failed" | "stale";
      finish_outcome: "finished" | "stale";
      heartbeat_outcome: "seen" | "agent_not_found" | "unauthorized";
      job_action: "cancel" | "pause" | "resume" | "retry_failed";
      job_lookup_outcome: "found" | "job_not_found" | "unauthorized";
      job_status: "PROCESSING" | "RUNNING" | "AGGREGATING" | "COMPLETED" | "FAILED" | "CANCELLED";
      job_task_outcome: "ready" | "stale";
      leave_queue_outcome: "left" | "stay" | "stale";
      open_upload_outcome: "allowed" | "unauthorized";
      output_format: "csv" | "json" | "parquet";
      progress_outcome: "continue" | "stop";
      publish_outcome: "published" | "stale";
      refusal: "unauthorized" | "forbidden" | "project_not_found";
      register_outcome: "created" | "linked" | "owner_not_found" | "agent_conflict" | "unauthorized";
      run_kind:
        | "kaggle-to-gcs"
        | "cleanup"
        | "split"
        | "aggregate"
        | "snowflake-catalog"
        | "snowflake-to-duckdb"
        | "query";
      run_state: "queued" | "launching" | "running" | "succeeded" | "failed" | "cancelled";
      save_credentials_outcome: "saved" | "project_not_found" | "unauthorized";
      source_state: "fresh" | "waiting" | "failed";
      start_dataset_outcome:
        | "started"
        | "joined"
        | "already_ingested"
        | "project_busy"
        | "project_not_found"
        | "unauthorized";
      start_run_outcome: "started" | "stale";
      submit_job_outcome: "submitted" | "job_not_found" | "unauthorized" | "url_not_yours";
      switch_outcome: "changed" | "unchanged" | "unauthorized" | "forbidden";
      sync_strategy: "full" | "incremental" | "snapshot";
      task_failure_outcome:
        | "retrying"
        | "failed"
        | "returned"
        | "task_not_found"
        | "task_not_assigned"
        | "stale_attempt"
        | "job_cancelled"
        | "agent_not_found"
        | "unauthorized";
      task_outcome: "ready" | "stale";
      task_progress_outcome: "continue" | "stop" | "task_not_found" | "agent_not_found" | "unauthorized";
      task_state: "PENDING" | "RUNNING" | "COMPLETED" | "FAILED" | "CANCELLED";
      token_type: "swarm" | "agent";
      upload_outcome:
        | "allowed"
        | "task_not_found"
        | "task_not_assigned"
        | "stale_attempt"
        | "job_cancelled"
        | "agent_not_found"
        | "unauthorized";
      work_state: "pending" | "running" | "completed" | "failed" | "cancelled";
    };
    CompositeTypes: {
      beat: {
        call: number | null;
        agent: string | null;
        outcome: Database["corral"]["Enums"]["heartbeat_outcome"] | null;
        status: Database["corral"]["Enums"]["agent_status"] | null;
        poll_after: number | null;
        is_due: boolean | null;
        showed_token: boolean | null;
        tasks: Json | null;
      };
      completion: {
        call: number | null;
        agent: string | null;
        task: number | null;
        attempt: number | null;
        result_url: string | null;
        rows: number | null;
        outcome: Database["corral"]["Enums"]["completion_outcome"] | null;
        job_id: number | null;
        is_drained: boolean | null;
      };
      job_spec: {
        user_id: string | null;
        title: string | null;
        swarm: string | null;
        project_id: string | null;
        data_url: string | null;
        data_file: string | null;
        code_url: string | null;
        requirements_url: string | null;
        chunks: number | null;
        rows_per_chunk: number | null;
        task_timeout_seconds: number | null;
        max_attempts: number | null;
        priority: number | null;
        ram_gb: number | null;
        gpu_model: string | null;
        tags: string[] | null;
        aggregate: Database["corral"]["Enums"]["aggregate_mode"] | null;
        idempotency_key: string | null;
        draft: boolean | null;
      };
      seeker: {
        call: number | null;
        twin: number | null;
        agent: string | null;
        request_id: string | null;
        outcome: Database["corral"]["Enums"]["assignment_outcome"] | null;
        swarm_id: number | null;
        satisfies: number[] | null;
        lease_end: string | null;
        poll_after: number | null;
        is_due: boolean | null;
        showed_token: boolean | null;
        held: number | null;
      };
      table_sight: {
        table_id: number | null;
        snapshot_id: number | null;
        schema_name: string | null;
        table_name: string | null;
        description: string | null;
        tags: string[] | null;
        columns: Json | null;
        row_count: number | null;
        size_bytes: number | null;
        version: string | null;
        synced_at: string | null;
        moment: string | null;
        fixed_moment: boolean | null;
        folder: string | null;
        hidden_columns: string[] | null;
        masked_columns: string[] | null;
        variant: string | null;
      };
      task_counts: {
        completed: number | null;
        failed: number | null;
        running: number | null;
        pending: number | null;
        cancelled: number | null;
      };
    };
  };
  public: {
    Tables: {
      agent_logs: {
        Row: {
          agent_name: string;
          created_at: string;
          id: number;
          log_level: string;
          message: string;
          project_id: string | null;
        };
        ComputedFields: never;
        Insert: {
          agent_name: string;
          created_at?: string;
          id?: never;
          log_level?: string;
          message: string;
          project_id?: string | null;
        };
        Update: {
          agent_name?: string;
          created_at?: string;
          id?: never;
          log_level?: string;
          message?: string;
          project_id?: string | null;
        };
        Relationships: [
          {
            foreignKeyName: "agent_logs_project_id_fkey";
            columns: ["project_id"];
            isOneToOne: false;
            referencedRelation: "projects";
            referencedColumns: ["id"];
          },
        ];
      };
      datasets: {
        Row: {
          candidates: Json | null;
          crc32c: string | null;
          created_at: string;
          gcs_url: string;
          id: string;
          kaggle_version: number | null;
          license: string | null;
          md5: string | null;
          name: string;
          project_id: string;
          size: string | null;
          size_bytes: number | null;
          source: string;
        };
        ComputedFields: never;
        Insert: {
          candidates?: Json | null;
          crc32c?: string | null;
          created_at?: string;
          gcs_url: string;
          id?: string;
          kaggle_version?: number | null;
          license?: string | null;
          md5?: string | null;
          name: string;
          project_id: string;
          size?: string | null;
          size_bytes?: number | null;
          source?: string;
        };
        Update: {
          candidates?: Json | null;
          crc32c?: string | null;
          created_at?: string;
          gcs_url?: string;
          id?: string;
          kaggle_version?: number | null;
          license?: string | null;
          md5?: string | null;
          name?: string;
          project_id?: string;
          size?: string | null;
          size_bytes?: number | null;
          source?: string;
        };
        Relationships: [
          {
            foreignKeyName: "datasets_project_id_fkey";
            columns: ["project_id"];
            isOneToOne: false;
            referencedRelation: "projects";
            referencedColumns: ["id"];
          },
        ];
      };
      messages: {
        Row: {
          content: string;
          created_at: string;
          id: number;
          role: string;
          user_id: string | null;
        };
        ComputedFields: never;
        Insert: {
          content: string;
          created_at?: string;
          id?: never;
          role: string;
          user_id?: string | null;
        };
        Update: {
          content?: string;
          created_at?: string;
          id?: never;
          role?: string;
          user_id?: string | null;
        };
        Relationships: [
          {
            foreignKeyName: "messages_user_id_fkey";
            columns: ["user_id"];
            isOneToOne: false;
            referencedRelation: "users";
            referencedColumns: ["id"];
          },
        ];
      };
      projects: {
        Row: {
          created_at: string;
          dataset_source: string | null;
          framework: string | null;
          id: string;
          metadata: NonNullable<Json>;
          name: string;
          search_keywords: string[];
          status: Database["public"]["Enums"]["project_status"];
          task_type: string | null;
          updated_at: string;
          user_id: string | null;
        };
        ComputedFields: never;
        Insert: {
          created_at?: string;
          dataset_source?: string | null;
          framework?: string | null;
          id?: string;
          metadata?: NonNullable<Json>;
          name?: string;
          search_keywords?: string[];
          status?: Database["public"]["Enums"]["project_status"];
          task_type?: string | null;
          updated_at?: string;
          user_id?: string | null;
        };
        Update: {
          created_at?: string;
          dataset_source?: string | null;
          framework?: string | null;
          id?: string;
          metadata?: NonNullable<Json>;
          name?: string;
          search_keywords?: string[];
          status?: Database["public"]["Enums"]["project_status"];
          task_type?: string | null;
          updated_at?: string;
          user_id?: string | null;
        };
        Relationships: [
          {
            foreignKeyName: "projects_user_id_fkey";
            columns: ["user_id"];
            isOneToOne: false;
            referencedRelation: "users";
            referencedColumns: ["id"];
          },
        ];
      };
      users: {
        Row: {
          created_at: string;
          email: string | null;
          id: string;
        };
        ComputedFields: never;
        Insert: {
          created_at?: string;
          email?: string | null;
          id: string;
        };
        Update: {
          created_at?: string;
          email?: string | null;
          id?: string;
        };
        Relationships: [];
      };
    };
    Views: {
      [_ in never]: never;
    };
    Functions: {
      add_tasks: {
        Args: { p_attempt: number; p_chunks: Json; p_run: number };
        Returns: Database["corral"]["Enums"]["add_tasks_outcome"];
      };
      admit_call: {
        Args: {
          p_admin?: boolean;
          p_admin_only: boolean;
          p_agent_token?: string;
          p_method: string;
          p_path: string;
          p_public?: boolean;
          p_request_id: string;
          p_swarm_token?: string;
          p_user?: string;
        };
        Returns: {
          agent: string;
          call_id: number;
          is_admin: boolean;
          outcome: Database["corral"]["Enums"]["admission"];
          retry_after_seconds: number;
          swarm: string;
        }[];
      };
      authorize_upload: {
        Args: { p_agent: string; p_attempt?: number; p_task: number; p_token?: string };
        Returns: {
          attempt: number;
          job_id: number;
          outcome: Database["corral"]["Enums"]["upload_outcome"];
        }[];
      };
      browse_source: {
        Args: { p_call: number; p_run?: number; p_schema: string };
        Returns: {
          error_code: string;
          error_message: string;
          run_id: number;
          state: Database["corral"]["Enums"]["source_state"];
          tables: Json;
        }[];
      };
      cancel_query: { Args: { p_call: number; p_query: string }; Returns: Database["corral"]["Enums"]["work_state"] };
      cancel_sync: {
        Args: { p_call: number; p_sync: number };
        Returns: Database["corral"]["Views"]["syncs_shown"]["Row"][];
        SetofOptions: {
          from: "*";
          to: "syncs_shown";
          isOneToOne: false;
          isSetofReturn: true;
        };
      };
      claim_queries: {
        Args: { p_attempt: number; p_limit: number; p_run: number };
        Returns: {
          attempt: number;
          limits: Json;
          output_format: Database["corral"]["Enums"]["output_format"];
          parameters: Json;
          query_id: string;
          snapshots: Json;
          sql: string;
        }[];
      };
      claim_run: {
        Args: { p_run: number };
        Returns: {
          attempt: number;
          kind: Database["corral"]["Enums"]["run_kind"];
          outcome: Database["corral"]["Enums"]["claim_outcome"];
        }[];
      };
      complete_artifact: {
        Args: { p_artifact: string; p_call: number; p_crc32c: string; p_size: number };
        Returns: Database["corral"]["Views"]["artifacts_shown"]["Row"][];
        SetofOptions: {
          from: "*";
          to: "artifacts_shown";
          isOneToOne: false;
          isSetofReturn: true;
        };
      };
      complete_query: {
        Args: { p_attempt: number; p_query: string; p_result: Json; p_run: number };
        Returns: Database["corral"]["Enums"]["complete_query_outcome"];
      };
      complete_tasks: {
        Args: { p_calls: Json };
        Returns: {
          call: number;
          job_id: number;
          outcome: Database["corral"]["Enums"]["completion_outcome"];
          poll_after_seconds: number;
          server_time: string;
          settle: boolean;
        }[];
      };
      control_job: {
        Args: { p_action: string; p_admin?: boolean; p_job: number; p_user?: string };
        Returns: {
          outcome: Database["corral"]["Enums"]["control_job_outcome"];
          status: Database["corral"]["Enums"]["job_status"];
          tasks: number;
        }[];
      };
      create_artifact: {
        Args: { p_artifact: Json; p_call: number };
        Returns: Database["corral"]["Views"]["artifacts_shown"]["Row"][];
        SetofOptions: {
          from: "*";
          to: "artifacts_shown";
          isOneToOne: false;
          isSetofReturn: true;
        };
      };
      create_job: {
        Args: { p_admin?: boolean; p_spec: Json; p_user?: string };
        Returns: {
          job_id: number;
          outcome: Database["corral"]["Enums"]["create_job_outcome"];
        }[];
      };
      create_token: {
        Args: { p_call: number; p_hash: string; p_options: Json; p_type: string };
        Returns: Database["corral"]["Views"]["tokens_shown"]["Row"][];
        SetofOptions: {
          from: "*";
          to: "tokens_shown";
          isOneToOne: false;
          isSetofReturn: true;
        };
      };
      cycle_agents: {
        Args: { p_calls: Json };
        Returns: {
          attempt: number;
          call: number;
          chunk: string;
          code_url: string;
          completed_job_id: number;
          completion: Database["corral"]["Enums"]["completion_outcome"];
          heartbeat: Database["corral"]["Enums"]["heartbeat_outcome"];
          job_id: number;
          lease_expires_at: string;
          outcome: Database["corral"]["Enums"]["assignment_outcome"];
          poll_after_seconds: number;
          requirements_url: string;
          server_time: string;
          settle: boolean;
          stop: number[];
          task_id: number;
          task_timeout_seconds: number;
        }[];
      };
      delete_artifact: {
        Args: { p_artifact: string; p_call: number };
        Returns: Database["corral"]["Views"]["artifacts_shown"]["Row"][];
        SetofOptions: {
          from: "*";
          to: "artifacts_shown";
          isOneToOne: false;
          isSetofReturn: true;
        };
      };
      deregister_agent: {
        Args: { p_agent: string; p_token?: string };
        Returns: {
          outcome: Database["corral"]["Enums"]["deregister_outcome"];
          tasks_returned: number;
        }[];
      };
      download_job: {
        Args: { p_admin?: boolean; p_job: number; p_user?: string };
        Returns: {
          final_result_url: string;
          outcome: Database["corral"]["Enums"]["download_job_outcome"];
          owner_id: string;
          status: Database["corral"]["Enums"]["job_status"];
          title: string;
        }[];
      };
      extend_artifact: {
        Args: { p_artifact: string; p_call: number; p_days: number };
        Returns: Database["corral"]["Views"]["artifacts_shown"]["Row"][];
        SetofOptions: {
          from: "*";
          to: "artifacts_shown";
          isOneToOne: false;
          isSetofReturn: true;
        };
      };
      fail_launch: { Args: { p_attempt: number; p_error: string; p_run: number }; Returns: boolean };
      fail_query: {
        Args: { p_attempt: number; p_code: string; p_message: string; p_query: string; p_run: number };
        Returns: Database["corral"]["Enums"]["fail_query_outcome"];
      };
      fail_run: {
        Args: {
          p_attempt: number;
          p_code: string;
          p_message: string;
          p_retry_after_seconds?: number;
          p_retryable?: boolean;
          p_run: number;
        };
        Returns: Database["corral"]["Enums"]["failure_outcome"];
      };
      fail_task: {
        Args: {
          p_agent: string;
          p_attempt?: number;
          p_give_back?: boolean;
          p_reason: string;
          p_retryable?: boolean;
          p_task: number;
          p_token?: string;
        };
        Returns: {
          job_id: number;
          outcome: Database["corral"]["Enums"]["task_failure_outcome"];
          poll_after_seconds: number;
          server_time: string;
          settle: boolean;
        }[];
      };
      find_finished_queries: {
        Args: { p_calls: number[]; p_queries: string[] };
        Returns: Database["corral"]["Views"]["queries_shown"]["Row"][];
        SetofOptions: {
          from: "*";
          to: "queries_shown";
          isOneToOne: false;
          isSetofReturn: true;
        };
      };
      find_upload_folder: {
        Args: { p_admin?: boolean; p_user?: string };
        Returns: {
          folder: string;
          outcome: Database["corral"]["Enums"]["open_upload_outcome"];
        }[];
      };
      finish_calls: { Args: { p_calls: Json }; Returns: undefined };
      finish_run: {
        Args: { p_attempt: number; p_progress?: Json; p_run: number };
        Returns: Database["corral"]["Enums"]["finish_outcome"];
      };
      get_aggregate_task: {
        Args: { p_attempt: number; p_run: number };
        Returns: {
          aggregate: Database["corral"]["Enums"]["aggregate_mode"];
          job_id: number;
          outcome: Database["corral"]["Enums"]["job_task_outcome"];
          total: number;
        }[];
      };
      get_artifact: {
        Args: { p_artifact: string; p_call: number };
        Returns: Database["corral"]["Views"]["artifacts_shown"]["Row"][];
        SetofOptions: {
          from: "*";
          to: "artifacts_shown";
          isOneToOne: false;
          isSetofReturn: true;
        };
      };
      get_audit_retention: { Args: Record<PropertyKey, never>; Returns: number };
      get_catalog_task: {
        Args: { p_attempt: number; p_run: number };
        Returns: {
          outcome: Database["corral"]["Enums"]["job_task_outcome"];
          schema_name: string;
        }[];
      };
      get_data_table: {
        Args: { p_call: number; p_schema?: string; p_table: string };
        Returns: {
          message: string;
          refusal: string;
          sight: Database["corral"]["CompositeTypes"]["table_sight"];
        }[];
      };
      get_dataset_run: {
        Args: { p_run: number };
        Returns: {
          dataset_name: string;
          error_code: string;
          error_message: string;
          gcs_url: string;
          size: string;
          state: Database["corral"]["Enums"]["run_state"];
        }[];
      };
      get_dataset_status: {
        Args: { p_admin?: boolean; p_project: string; p_user?: string };
        Returns: {
          dataset: Database["public"]["Tables"]["datasets"]["Row"];
          logs: Database["public"]["Tables"]["agent_logs"]["Row"][];
          outcome: Database["corral"]["Enums"]["dataset_status_outcome"];
          project_status: Database["public"]["Enums"]["project_status"];
          run: Database["corral"]["Tables"]["runs"]["Row"];
        }[];
      };
      get_dataset_task: {
        Args: { p_attempt: number; p_run: number };
        Returns: {
          kaggle_key: string;
          kaggle_username: string;
          keywords: string[];
          max_dataset_size_gb: number;
          options: Json;
          outcome: Database["corral"]["Enums"]["task_outcome"];
          project_name: string;
        }[];
      };
      get_health: {
        Args: Record<PropertyKey, never>;
        Returns: {
          auto_ingestion: boolean;
          dataset_wait_ceiling_seconds: number;
          dataset_wait_seconds: number;
        }[];
      };
      get_job: {
        Args: { p_admin?: boolean; p_job: number; p_user?: string };
        Returns: {
          aggregate: Database["corral"]["Enums"]["aggregate_mode"];
          cancelled_subtasks: number;
          completed_subtasks: number;
          created_at: string;
          error_code: string;
          error_message: string;
          eta_seconds: number;
          failed_subtasks: number;
          failures: Json;
          final_result_url: string;
          finished_at: string;
          id: number;
          is_paused: boolean;
          original_code_url: string;
          original_data_url: string;
          original_requirements_url: string;
          outcome: Database["corral"]["Enums"]["job_lookup_outcome"];
          owner_id: string;
          pending_subtasks: number;
          project_id: string;
          result_details: Json;
          run: Json;
          running_subtasks: number;
          status: Database["corral"]["Enums"]["job_status"];
          tasks_per_minute: number;
          title: string;
          total_subtasks: number;
        }[];
      };
      get_query: {
        Args: { p_call: number; p_query: string };
        Returns: Database["corral"]["Views"]["queries_shown"]["Row"][];
        SetofOptions: {
          from: "*";
          to: "queries_shown";
          isOneToOne: false;
          isSetofReturn: true;
        };
      };
      get_split_task: {
        Args: { p_attempt: number; p_run: number };
        Returns: {
          chunks: number;
          data_file: string;
          data_url: string;
          job_id: number;
          outcome: Database["corral"]["Enums"]["job_task_outcome"];
          rows_per_chunk: number;
        }[];
      };
      get_sync: {
        Args: { p_call: number; p_sync: number };
        Returns: Database["corral"]["Views"]["syncs_shown"]["Row"][];
        SetofOptions: {
          from: "*";
          to: "syncs_shown";
          isOneToOne: false;
          isSetofReturn: true;
        };
      };
      get_sync_task: {
        Args: { p_attempt: number; p_run: number };
        Returns: {
          folder: string;
          outcome: Database["corral"]["Enums"]["job_task_outcome"];
          previous: Json;
          schema_name: string;
          spec: Json;
          sync_id: number;
          table_name: string;
          version: string;
        }[];
      };
      get_table_status: {
        Args: { p_call: number; p_schema: string; p_table: string };
        Returns: Database["corral"]["Views"]["tables_shown"]["Row"][];
        SetofOptions: {
          from: "*";
          to: "tables_shown";
          isOneToOne: false;
          isSetofReturn: true;
        };
      };
      get_task_status: { Args: { p_call: number; p_id: string }; Returns: Json };
      grant_table: {
        Args: {
          p_call: number;
          p_hidden?: string[];
          p_masked?: string[];
          p_schema: string;
          p_swarm: string;
          p_table: string;
        };
        Returns: Database["corral"]["Views"]["grants_shown"]["Row"][];
        SetofOptions: {
          from: "*";
          to: "grants_shown";
          isOneToOne: false;
          isSetofReturn: true;
        };
      };
      leave_queue: {
        Args: { p_attempt: number; p_run: number };
        Returns: Database["corral"]["Enums"]["leave_queue_outcome"];
      };
      list_active_tasks: { Args: { p_call: number }; Returns: Json };
      list_artifacts: {
        Args: { p_call: number; p_filter?: Json };
        Returns: Database["corral"]["Views"]["artifacts_shown"]["Row"][];
        SetofOptions: {
          from: "*";
          to: "artifacts_shown";
          isOneToOne: false;
          isSetofReturn: true;
        };
      };
      list_data_tables: {
        Args: { p_call: number; p_search?: string; p_tag?: string };
        Returns: Database["corral"]["CompositeTypes"]["table_sight"][];
        SetofOptions: {
          from: "*";
          to: "table_sight";
          isOneToOne: false;
          isSetofReturn: true;
        };
      };
      list_forgotten_queries: { Args: { p_queries: string[] }; Returns: string[] };
      list_forgotten_seals: { Args: { p_seals: number[] }; Returns: number[] };
      list_grants: {
        Args: { p_call: number; p_schema: string; p_table: string };
        Returns: Database["corral"]["Views"]["grants_shown"]["Row"][];
        SetofOptions: {
          from: "*";
          to: "grants_shown";
          isOneToOne: false;
          isSetofReturn: true;
        };
      };
      list_jobs: {
        Args: { p_admin?: boolean; p_limit?: number; p_owner: string; p_user?: string };
        Returns: {
          created_at: string;
          final_result_url: string;
          id: number;
          original_code_url: string;
          original_data_url: string;
          status: Database["corral"]["Enums"]["job_status"];
          title: string;
        }[];
      };
      list_known_jobs: { Args: { p_jobs: number[] }; Returns: number[] };
      list_live_runs: { Args: { p_runs: number[] }; Returns: number[] };
      list_results: {
        Args: { p_after?: number; p_attempt: number; p_limit?: number; p_run: number };
        Returns: {
          attempt: number;
          number: number;
          result_url: string;
          rows: number;
          task_id: number;
        }[];
      };
      list_seals: {
        Args: { p_after?: number; p_limit?: number };
        Returns: {
          anchored_at: string;
          digest: string;
          entries: number;
          head: string;
          id: number;
          previous_head: string;
          sealed_at: string;
        }[];
      };
      list_snapshots: {
        Args: { p_call: number; p_schema: string; p_table: string };
        Returns: {
          created_at: string;
          fixed_moment: boolean;
          is_current: boolean;
          moment: string;
          name: string;
          row_count: number;
          size_bytes: number;
          sync_id: number;
          version: string;
          watermark: string;
        }[];
      };
      list_syncs: {
        Args: { p_call: number; p_limit?: number };
        Returns: Database["corral"]["Views"]["syncs_shown"]["Row"][];
        SetofOptions: {
          from: "*";
          to: "syncs_shown";
          isOneToOne: false;
          isSetofReturn: true;
        };
      };
      list_tables: {
        Args: { p_call: number };
        Returns: Database["corral"]["Views"]["tables_shown"]["Row"][];
        SetofOptions: {
          from: "*";
          to: "tables_shown";
          isOneToOne: false;
          isSetofReturn: true;
        };
      };
      list_task_queues: { Args: { p_call: number }; Returns: Json };
      list_task_workers: { Args: { p_call: number }; Returns: Json };
      list_tokens: {
        Args: { p_call: number };
        Returns: Database["corral"]["Views"]["tokens_shown"]["Row"][];
        SetofOptions: {
          from: "*";
          to: "tokens_shown";
          isOneToOne: false;
          isSetofReturn: true;
        };
      };
      list_unanchored_seals: {
        Args: Record<PropertyKey, never>;
        Returns: {
          entries: number;
          head: string;
          id: number;
          sealed_at: string;
        }[];
      };
      list_unreferenced_artifacts: { Args: { p_objects: string[] }; Returns: string[] };
      list_unreferenced_objects: { Args: { p_urls: string[] }; Returns: string[] };
      list_unreferenced_snapshots: { Args: { p_folders: string[] }; Returns: string[] };
      list_unreferenced_uploads: { Args: { p_urls: string[] }; Returns: string[] };
      note_anchor: { Args: { p_seal: number }; Returns: undefined };
      note_call: { Args: { p_call: number; p_details: Json }; Returns: undefined };
      note_public_call: { Args: { p_call: number; p_details: Json }; Returns: undefined };
      publish_catalog: {
        Args: { p_attempt: number; p_run: number; p_schemas: Json };
        Returns: Database["corral"]["Enums"]["publish_outcome"];
      };
      publish_dataset: {
        Args: {
          p_attempt: number;
          p_candidates?: Json;
          p_crc32c: string;
          p_gcs_url: string;
          p_kaggle_version?: number;
          p_license?: string;
          p_md5?: string;
          p_name: string;
          p_run: number;
          p_size_bytes: number;
        };
        Returns: Database["corral"]["Enums"]["publish_outcome"];
      };
      publish_result: {
        Args: { p_attempt: number; p_details?: Json; p_run: number; p_url?: string };
        Returns: Database["corral"]["Enums"]["publish_outcome"];
      };
      publish_snapshot: {
        Args: { p_attempt: number; p_run: number; p_snapshot: Json };
        Returns: Database["corral"]["Enums"]["publish_outcome"];
      };
      publish_tasks: {
        Args: { p_attempt: number; p_rows?: number; p_run: number; p_total: number };
        Returns: Database["corral"]["Enums"]["publish_outcome"];
      };
      read_sealed_lines: { Args: { p_after?: number; p_limit?: number; p_seal: number }; Returns: string[] };
      record_heartbeats: {
        Args: { p_calls: Json };
        Returns: {
          call: number;
          outcome: Database["corral"]["Enums"]["heartbeat_outcome"];
          poll_after_seconds: number;
          server_time: string;
          stop: number[];
        }[];
      };
      record_launch: { Args: { p_attempt: number; p_execution: string; p_run: number }; Returns: boolean };
      record_milestone: {
        Args: { p_attempt: number; p_log: string; p_log_level?: string; p_message?: string; p_run: number };
        Returns: boolean;
      };
      register_agent: {
        Args: {
          p_agent: string;
          p_email: string;
          p_gpu_model?: string;
          p_heartbeat_interval_seconds?: number;
          p_new_token?: string;
          p_ram_gb?: number;
          p_ram_total?: string;
          p_tags?: string[];
          p_token?: string;
        };
        Returns: {
          outcome: Database["corral"]["Enums"]["register_outcome"];
          poll_after_seconds: number;
          server_time: string;
          token_issued: boolean;
        }[];
      };
      register_table: {
        Args: { p_call: number; p_options?: Json; p_run?: number; p_schema: string; p_table: string };
        Returns: {
          error_code: string;
          error_message: string;
          run_id: number;
          schema_name: string;
          state: Database["corral"]["Enums"]["source_state"];
          status: string;
          table_id: number;
          table_name: string;
        }[];
      };
      release_run: { Args: { p_attempt: number; p_run: number }; Returns: boolean };
      report_progress: {
        Args: { p_attempt: number; p_phase: string; p_progress?: Json; p_run: number };
        Returns: Database["corral"]["Enums"]["progress_outcome"];
      };
      report_task_progress: {
        Args: {
          p_agent: string;
          p_attempt?: number;
          p_message?: string;
          p_progress?: number;
          p_task: number;
          p_token?: string;
        };
        Returns: {
          outcome: Database["corral"]["Enums"]["task_progress_outcome"];
          poll_after_seconds: number;
          server_time: string;
        }[];
      };
      request_tasks: {
        Args: { p_calls: Json };
        Returns: {
          attempt: number;
          call: number;
          chunk: string;
          code_url: string;
          job_id: number;
          lease_expires_at: string;
          outcome: Database["corral"]["Enums"]["assignment_outcome"];
          poll_after_seconds: number;
          requirements_url: string;
          server_time: string;
          task_id: number;
          task_timeout_seconds: number;
        }[];
      };
      return_queries: { Args: { p_attempt: number; p_queries: string[]; p_run: number }; Returns: number };
      revoke_grant: {
        Args: { p_call: number; p_schema: string; p_swarm: string; p_table: string };
        Returns: undefined;
      };
      revoke_token: {
        Args: { p_call: number; p_token: number };
        Returns: Database["corral"]["Views"]["tokens_shown"]["Row"][];
        SetofOptions: {
          from: "*";
          to: "tokens_shown";
          isOneToOne: false;
          isSetofReturn: true;
        };
      };
      save_kaggle_credentials: {
        Args: { p_admin?: boolean; p_key: string; p_project: string; p_user?: string; p_username: string };
        Returns: Database["corral"]["Enums"]["save_credentials_outcome"];
      };
      search_audit: {
        Args: { p_call: number; p_filter: Json };
        Returns: {
          agent: string;
          at: string;
          bytes: number;
          call_id: number;
          details: Json;
          error_code: string;
          event: Database["corral"]["Enums"]["audit_event"];
          id: number;
          is_admin: boolean;
          method: string;
          milliseconds: number;
          path: string;
          request_id: string;
          rows: number;
          status: number;
          swarm: string;
          user_id: string;
        }[];
      };
      set_auto_ingestion: {
        Args: { p_admin?: boolean; p_on: boolean; p_user?: string };
        Returns: Database["corral"]["Enums"]["switch_outcome"];
      };
      set_schedule: {
        Args: { p_call: number; p_cron?: string; p_schema: string; p_spec?: Json; p_table: string };
        Returns: {
          schedule: string;
          spec: Json;
        }[];
      };
      settle_job: { Args: { p_job: number }; Returns: boolean };
      start_dataset: {
        Args: { p_admin?: boolean; p_project: string; p_user?: string };
        Returns: {
          dataset_name: string;
          gcs_url: string;
          outcome: Database["corral"]["Enums"]["start_dataset_outcome"];
          run_id: number;
          size: string;
        }[];
      };
      start_run: {
        Args: { p_attempt: number; p_execution: string; p_run: number };
        Returns: {
          args: Json;
          kind: Database["corral"]["Enums"]["run_kind"];
          lease_seconds: number;
          outcome: Database["corral"]["Enums"]["start_run_outcome"];
          subject: string;
        }[];
      };
      start_sync: {
        Args: { p_call: number; p_run?: number; p_schema: string; p_spec: Json; p_table: string };
        Returns: {
          error_code: string;
          error_message: string;
          run_id: number;
          state: Database["corral"]["Enums"]["source_state"];
          sync: Database["corral"]["Views"]["syncs_shown"]["Row"];
        }[];
      };
      submit_job: {
        Args: {
          p_admin?: boolean;
          p_code_url?: string;
          p_data_url: string;
          p_job: number;
          p_requirements_url?: string;
          p_user?: string;
        };
        Returns: Database["corral"]["Enums"]["submit_job_outcome"];
      };
      submit_query: {
        Args: { p_call: number; p_query: Json };
        Returns: Database["corral"]["Views"]["queries_shown"]["Row"][];
        SetofOptions: {
          from: "*";
          to: "queries_shown";
          isOneToOne: false;
          isSetofReturn: true;
        };
      };
      unregister_table: {
        Args: { p_call: number; p_schema: string; p_table: string };
        Returns: {
          schema_name: string;
          status: string;
          table_id: number;
          table_name: string;
        }[];
      };
      update_artifact: {
        Args: { p_artifact: string; p_call: number; p_changes: Json };
        Returns: Database["corral"]["Views"]["artifacts_shown"]["Row"][];
        SetofOptions: {
          from: "*";
          to: "artifacts_shown";
          isOneToOne: false;
          isSetofReturn: true;
        };
      };
      update_table: { Args: { p_call: number; p_changes: Json; p_schema: string; p_table: string }; Returns: number };
      watch_queries: { Args: { p_attempt: number; p_queries: string[]; p_run: number }; Returns: string[] };
    };
    Enums: {
      project_status: "draft" | "pending_dataset" | "pending_training" | "training" | "completed" | "failed";
    };
    CompositeTypes: {
      [_ in never]: never;
    };
  };
};

type DatabaseWithoutInternals = Omit<Database, "__InternalSupabase">;

type DefaultSchema = DatabaseWithoutInternals[Extract<keyof Database, "public">];

export type Tables<
  DefaultSchemaTableNameOrOptions extends
    | keyof (DefaultSchema["Tables"] & DefaultSchema["Views"])
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  }
    ? keyof (DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"] &
        DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Views"])
    : never = never,
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? (DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"] &
      DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Views"])[TableName] extends {
      Row: infer R;
    }
    ? R
    : never
  : DefaultSchemaTableNameOrOptions extends keyof (DefaultSchema["Tables"] & DefaultSchema["Views"])
    ? (DefaultSchema["Tables"] & DefaultSchema["Views"])[DefaultSchemaTableNameOrOptions] extends {
        Row: infer R;
      }
      ? R
      : never
    : never;

export type TablesInsert<
  DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"] | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  }
    ? keyof DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    : never = never,
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"][TableName] extends {
      Insert: infer I;
    }
    ? I
    : never
  : DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"]
    ? DefaultSchema["Tables"][DefaultSchemaTableNameOrOptions] extends {
        Insert: infer I;
      }
      ? I
      : never
    : never;

export type TablesUpdate<
  DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"] | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  }
    ? keyof DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    : never = never,
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"][TableName] extends {
      Update: infer U;
    }
    ? U
    : never
  : DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"]
    ? DefaultSchema["Tables"][DefaultSchemaTableNameOrOptions] extends {
        Update: infer U;
      }
      ? U
      : never
    : never;

export type Enums<
  DefaultSchemaEnumNameOrOptions extends keyof DefaultSchema["Enums"] | { schema: keyof DatabaseWithoutInternals },
  EnumName extends DefaultSchemaEnumNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  }
    ? keyof DatabaseWithoutInternals[DefaultSchemaEnumNameOrOptions["schema"]]["Enums"]
    : never = never,
> = DefaultSchemaEnumNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaEnumNameOrOptions["schema"]]["Enums"][EnumName]
  : DefaultSchemaEnumNameOrOptions extends keyof DefaultSchema["Enums"]
    ? DefaultSchema["Enums"][DefaultSchemaEnumNameOrOptions]
    : never;

export type CompositeTypes<
  PublicCompositeTypeNameOrOptions extends
    | keyof DefaultSchema["CompositeTypes"]
    | { schema: keyof DatabaseWithoutInternals },
  CompositeTypeName extends PublicCompositeTypeNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  }
    ? keyof DatabaseWithoutInternals[PublicCompositeTypeNameOrOptions["schema"]]["CompositeTypes"]
    : never = never,
> = PublicCompositeTypeNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[PublicCompositeTypeNameOrOptions["schema"]]["CompositeTypes"][CompositeTypeName]
  : PublicCompositeTypeNameOrOptions extends keyof DefaultSchema["CompositeTypes"]
    ? DefaultSchema["CompositeTypes"][PublicCompositeTypeNameOrOptions]
    : never;

export const Constants = {
  corral: {
    Enums: {
      add_tasks_outcome: ["added", "stale"],
      admission: ["admitted", "unauthorized", "forbidden", "rate_limited"],
      agent_status: ["IDLE", "BUSY", "WORKING", "OFFLINE"],
      aggregate_mode: ["none", "concat", "fedavg", "auto"],
      artifact_format: ["json", "csv", "parquet", "pickle", "text", "binary"],
      artifact_state: ["pending", "ready"],
      artifact_type: ["data", "model", "report", "other"],
      assignment_outcome: ["assigned", "nothing", "not_asked", "agent_not_found", "unauthorized"],
      audit_event: ["received", "detail", "finished"],
      claim_outcome: ["claimed", "not_due", "gone"],
      complete_query_outcome: ["completed", "stale"],
      completion_outcome: [
        "completed",
        "task_not_found",
        "task_not_assigned",
        "stale_attempt",
        "job_cancelled",
        "result_not_yours",
        "agent_not_found",
        "unauthorized",
      ],
      control_job_outcome: ["done", "unchanged", "job_not_found", "unauthorized", "job_over"],
      create_job_outcome: [
        "created",
        "existing",
        "unauthorized",
        "user_not_found",
        "swarm_not_found",
        "project_not_found",
        "dataset_missing",
        "url_not_yours",
        "idempotency_conflict",
      ],
      dataset_status_outcome: ["found", "project_not_found", "unauthorized"],
      deregister_outcome: ["deregistered", "agent_not_found", "unauthorized"],
      download_job_outcome: ["found", "job_not_found", "job_not_yours", "unauthorized"],
      fail_query_outcome: ["failed", "stale"],
      failure_outcome: ["retrying", "failed", "stale"],
      finish_outcome: ["finished", "stale"],
      heartbeat_outcome: ["seen", "agent_not_found", "unauthorized"],
      job_action: ["cancel", "pause", "resume", "retry_failed"],
      job_lookup_outcome: ["found", "job_not_found", "unauthorized"],
      job_status: ["PROCESSING", "RUNNING", "AGGREGATING", "COMPLETED", "FAILED", "CANCELLED"],
      job_task_outcome: ["ready", "stale"],
      leave_queue_outcome: ["left", "stay", "stale"],
      open_upload_outcome: ["allowed", "unauthorized"],
      output_format: ["csv", "json", "parquet"],
      progress_outcome: ["continue", "stop"],
      publish_outcome: ["published", "stale"],
      refusal: ["unauthorized", "forbidden", "project_not_found"],
      register_outcome: ["created", "linked", "owner_not_found", "agent_conflict", "unauthorized"],
      run_kind: ["kaggle-to-gcs", "cleanup", "split", "aggregate", "snowflake-catalog", "snowflake-to-duckdb", "query"],
      run_state: ["queued", "launching", "running", "succeeded", "failed", "cancelled"],
      save_credentials_outcome: ["saved", "project_not_found", "unauthorized"],
      source_state: ["fresh", "waiting", "failed"],
      start_dataset_outcome: [
        "started",
        "joined",
        "already_ingested",
        "project_busy",
        "project_not_found",
        "unauthorized",
      ],
      start_run_outcome: ["started", "stale"],
      submit_job_outcome: ["submitted", "job_not_found", "unauthorized", "url_not_yours"],
      switch_outcome: ["changed", "unchanged", "unauthorized", "forbidden"],
      sync_strategy: ["full", "incremental", "snapshot"],
      task_failure_outcome: [
        "retrying",
        "failed",
        "returned",
        "task_not_found",
        "task_not_assigned",
        "stale_attempt",
        "job_cancelled",
        "agent_not_found",
        "unauthorized",
      ],
      task_outcome: ["ready", "stale"],
      task_progress_outcome: ["continue", "stop", "task_not_found", "agent_not_found", "unauthorized"],
      task_state: ["PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"],
      token_type: ["swarm", "agent"],
      upload_outcome: [
        "allowed",
        "task_not_found",
        "task_not_assigned",
        "stale_attempt",
        "job_cancelled",
        "agent_not_found",
        "unauthorized",
      ],
      work_state: ["pending", "running", "completed", "failed", "cancelled"],
    },
  },
  public: {
    Enums: {
      project_status: ["draft", "pending_dataset", "pending_training", "training", "completed", "failed"],
    },
  },
} as const;
