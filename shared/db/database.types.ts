// Generated from supabase/migrations by `npm run db:types`.

export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[];

export type Database = {
  corral: {
    Tables: {
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
        };
        Relationships: [];
      };
      settings: {
        Row: {
          auto_ingestion: boolean;
          cron_retention_days: number;
          dataset_wait_ceiling_seconds: number;
          dataset_wait_seconds: number;
          launch_lease_seconds: number;
          lease_seconds: number;
          log_retention_days: number;
          max_attempts: number;
          max_dataset_size_gb: number;
          only_row: boolean;
          open_admin: boolean;
          open_enrollment: boolean;
          redeliver_seconds: number;
          retry_base_seconds: number;
          retry_ceiling_seconds: number;
          run_retention_days: number;
        };
        ComputedFields: never;
        Insert: {
          auto_ingestion?: boolean;
          cron_retention_days?: number;
          dataset_wait_ceiling_seconds?: number;
          dataset_wait_seconds?: number;
          launch_lease_seconds?: number;
          lease_seconds?: number;
          log_retention_days?: number;
          max_attempts?: number;
          max_dataset_size_gb?: number;
          only_row?: boolean;
          open_admin?: boolean;
          open_enrollment?: boolean;
          redeliver_seconds?: number;
          retry_base_seconds?: number;
          retry_ceiling_seconds?: number;
          run_retention_days?: number;
        };
        Update: {
          auto_ingestion?: boolean;
          cron_retention_days?: number;
          dataset_wait_ceiling_seconds?: number;
          dataset_wait_seconds?: number;
          launch_lease_seconds?: number;
          lease_seconds?: number;
          log_retention_days?: number;
          max_attempts?: number;
          max_dataset_size_gb?: number;
          only_row?: boolean;
          open_admin?: boolean;
          open_enrollment?: boolean;
          redeliver_seconds?: number;
          retry_base_seconds?: number;
          retry_ceiling_seconds?: number;
          run_retention_days?: number;
        };
        Relationships: [];
      };
    };
    Views: {
      [_ in never]: never;
    };
    Functions: {
      announce_run: { Args: { p_run: number }; Returns: undefined };
      backoff: { Args: { p_failures: number }; Returns: string };
      cancel_dataset_run: { Args: { p_message: string; p_project: string }; Returns: undefined };
      cleanup: { Args: Record<PropertyKey, never>; Returns: undefined };
      enqueue_run: { Args: { p_kind: Database["corral"]["Enums"]["run_kind"]; p_subject: string }; Returns: number };
      enqueue_waiting_projects: { Args: Record<PropertyKey, never>; Returns: number };
      expire_leases: { Args: Record<PropertyKey, never>; Returns: number };
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
      forget_kaggle_credentials: { Args: { p_project: string }; Returns: undefined };
      format_size: { Args: { p_bytes: number }; Returns: string };
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
      kaggle_secret_name: { Args: { p_project: string }; Returns: string };
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
        };
        SetofOptions: {
          from: "*";
          to: "runs";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      max_dataset_size_gb: { Args: { p_metadata: Json }; Returns: number };
      now: { Args: Record<PropertyKey, never>; Returns: string };
      read_secret: { Args: { p_name: string }; Returns: string };
      redeliver_runs: { Args: Record<PropertyKey, never>; Returns: number };
      refuse_admin: { Args: { p_admin: boolean; p_user: string }; Returns: Database["corral"]["Enums"]["refusal"] };
      refuse_project: {
        Args: { p_admin: boolean; p_open: boolean; p_project: string; p_user: string };
        Returns: Database["corral"]["Enums"]["refusal"];
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
      store_kaggle_credentials: { Args: { p_credentials: Json; p_project: string }; Returns: undefined };
      sweep: {
        Args: Record<PropertyKey, never>;
        Returns: {
          enqueued: number;
          expired: number;
          redelivered: number;
        }[];
      };
      try_lock_project: { Args: { p_project: string }; Returns: boolean };
      write_log: { Args: { p_log_level: string; p_message: string; p_project: string }; Returns: undefined };
      write_message: { Args: { p_content: string; p_project: string }; Returns: undefined };
      write_secret: { Args: { p_description: string; p_name: string; p_value: string }; Returns: undefined };
    };
    Enums: {
      claim_outcome: "claimed" | "not_due" | "gone";
      dataset_status_outcome: "found" | "project_not_found" | "unauthorized";
      failure_outcome: "retrying" | "failed" | "stale";
      finish_outcome: "finished" | "stale";
      progress_outcome: "continue" | "stop";
      publish_outcome: "published" | "stale";
      refusal: "unauthorized" | "forbidden" | "project_not_found";
      run_kind: "kaggle-to-gcs" | "cleanup";
      run_state: "queued" | "launching" | "running" | "succeeded" | "failed" | "cancelled";
      save_credentials_outcome: "saved" | "project_not_found" | "unauthorized";
      start_dataset_outcome:
        | "started"
        | "joined"
        | "already_ingested"
        | "project_busy"
        | "project_not_found"
        | "unauthorized";
      start_run_outcome: "started" | "stale";
      switch_outcome: "changed" | "unchanged" | "unauthorized" | "forbidden";
      task_outcome: "ready" | "stale";
    };
    CompositeTypes: {
      [_ in never]: never;
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
      claim_run: {
        Args: { p_run: number };
        Returns: {
          attempt: number;
          kind: Database["corral"]["Enums"]["run_kind"];
          outcome: Database["corral"]["Enums"]["claim_outcome"];
        }[];
      };
      fail_launch: { Args: { p_attempt: number; p_error: string; p_run: number }; Returns: boolean };
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
      finish_run: {
        Args: { p_attempt: number; p_progress?: Json; p_run: number };
        Returns: Database["corral"]["Enums"]["finish_outcome"];
      };
      get_dataset_run: {
        Args: { p_run: number };
        Returns: {
          dataset_name: string;
          error_code: string;
          error_message: string;
          gcs_url: string;
          phase: string;
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
          project_id: string;
          project_name: string;
          task_type: string;
          user_id: string;
        }[];
      };
      get_health: {
        Args: Record<PropertyKey, never>;
        Returns: {
          auto_ingestion: boolean;
          dataset_wait_ceiling_seconds: number;
          dataset_wait_seconds: number;
          server_time: string;
        }[];
      };
      list_live_runs: { Args: { p_runs: number[] }; Returns: number[] };
      list_unreferenced_objects: { Args: { p_urls: string[] }; Returns: string[] };
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
      record_launch: { Args: { p_attempt: number; p_execution: string; p_run: number }; Returns: boolean };
      record_milestone: {
        Args: { p_attempt: number; p_log: string; p_log_level?: string; p_message?: string; p_run: number };
        Returns: boolean;
      };
      release_run: { Args: { p_attempt: number; p_run: number }; Returns: boolean };
      report_progress: {
        Args: { p_attempt: number; p_phase: string; p_progress?: Json; p_run: number };
        Returns: Database["corral"]["Enums"]["progress_outcome"];
      };
      save_kaggle_credentials: {
        Args: { p_admin?: boolean; p_key: string; p_project: string; p_user?: string; p_username: string };
        Returns: Database["corral"]["Enums"]["save_credentials_outcome"];
      };
      set_auto_ingestion: {
        Args: { p_admin?: boolean; p_on: boolean; p_user?: string };
        Returns: Database["corral"]["Enums"]["switch_outcome"];
      };
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
      claim_outcome: ["claimed", "not_due", "gone"],
      dataset_status_outcome: ["found", "project_not_found", "unauthorized"],
      failure_outcome: ["retrying", "failed", "stale"],
      finish_outcome: ["finished", "stale"],
      progress_outcome: ["continue", "stop"],
      publish_outcome: ["published", "stale"],
      refusal: ["unauthorized", "forbidden", "project_not_found"],
      run_kind: ["kaggle-to-gcs", "cleanup"],
      run_state: ["queued", "launching", "running", "succeeded", "failed", "cancelled"],
      save_credentials_outcome: ["saved", "project_not_found", "unauthorized"],
      start_dataset_outcome: [
        "started",
        "joined",
        "already_ingested",
        "project_busy",
        "project_not_found",
        "unauthorized",
      ],
      start_run_outcome: ["started", "stale"],
      switch_outcome: ["changed", "unchanged", "unauthorized", "forbidden"],
      task_outcome: ["ready", "stale"],
    },
  },
  public: {
    Enums: {
      project_status: ["draft", "pending_dataset", "pending_training", "training", "completed", "failed"],
    },
  },
} as const;
