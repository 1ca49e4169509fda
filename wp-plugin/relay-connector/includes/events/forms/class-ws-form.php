<?php
/**
 * WS Form.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events\Forms;

use Relay_Connector\Events\Field_Types;
use Relay_Connector\Events\Form_Entry;
use Relay_Connector\Events\Form_Field;
use Relay_Connector\Events\Plain_Text;

defined( 'ABSPATH' ) || exit;

// phpcs:disable WordPress.DB.DirectDatabaseQuery.DirectQuery, WordPress.DB.DirectDatabaseQuery.NoCaching -- Table of WS Form, read on the settings page.

/**
 * The hook fires after every answer, also for saved drafts, previews, spam and validation errors. Fields that a form
 * does not save, such as passwords, are kept apart from the values.
 */
final class Ws_Form extends Added_Form_Plugin {

	/**
	 * The short name.
	 *
	 * @return string
	 */
	public function slug() {
		return 'ws-form';
	}

	/**
	 * The plugin's own name.
	 *
	 * @return string
	 */
	public function name() {
		return 'WS Form';
	}

	/**
	 * Whether it is active.
	 *
	 * @return bool
	 */
	public function is_active() {
		return defined( 'WS_FORM_VERSION' );
	}

	/**
	 * Registers the hook for its entries.
	 */
	public function add_hooks() {
		add_action( 'wsf_submit_post_complete', array( $this, 'on_complete' ), 20, 1 );
	}

	/**
	 * A form was submitted, with any outcome (WS_Form_API_Submit::api_post_complete() in api/class-ws-form-api-submit.php).
	 *
	 * @param object $submit With form_object, meta, the values, and the outcome.
	 */
	public function on_complete( $submit = null ) {
		$this->record_entry(
			function () use ( $submit ) {
				if ( ! is_object( $submit ) || ! isset( $submit->form_object->id ) || ! $this->is_accepted( $submit ) ) {
					return null;
				}
				$form  = $submit->form_object;
				$entry = new Form_Entry( $form->id, isset( $form->label ) ? (string) $form->label : '', isset( $submit->id ) ? (int) $submit->id : 0 );
				foreach ( $this->fields_of( $form ) as $field ) {
					if ( isset( $submit->meta[ 'field_' . $field->key ]['value'] ) ) {
						$field->value    = $submit->meta[ 'field_' . $field->key ]['value'];
						$entry->fields[] = $field;
					}
				}
				return $entry;
			}
		);
	}

	/**
	 * Its forms.
	 *
	 * @return string[] Titles by id.
	 */
	public function forms() {
		global $wpdb;
		$rows = (array) $wpdb->get_results( $wpdb->prepare( "SELECT id, label FROM {$wpdb->prefix}wsf_form WHERE status <> 'trash' ORDER BY id DESC LIMIT %d", self::MOST_FORMS ) );
		return wp_list_pluck( $rows, 'label', 'id' );
	}

	/**
	 * The fields of a form.
	 *
	 * @param int|string $form_id The form's id.
	 * @return Form_Field[]
	 */
	public function fields( $form_id ) {
		$form = function_exists( '\wsf_form_get_object' ) ? \wsf_form_get_object( (int) $form_id ) : null;
		return is_object( $form ) ? $this->fields_of( $form ) : array();
	}

	/**
	 * The admin URL of an entry.
	 *
	 * @param int|string $form_id  The form's id.
	 * @param int        $entry_id The entry's id.
	 * @return string
	 */
	public function entry_url( $form_id, $entry_id ) {
		return admin_url( 'admin.php?page=ws-form-submit&id=' . (int) $form_id . '#' . (int) $entry_id );
	}

	/**
	 * Whether an entry was accepted and is neither a draft nor spam. The threshold is the form's own.
	 *
	 * @param object $submit The submitted form.
	 * @return bool
	 */
	private function is_accepted( $submit ) {
		$threshold = isset( $submit->form_object->meta->spam_threshold ) ? (int) $submit->form_object->meta->spam_threshold : 50;
		return isset( $submit->post_mode ) && 'submit' === $submit->post_mode
			&& empty( $submit->preview ) && empty( $submit->error ) && empty( $submit->error_validation_actions ) && empty( $submit->actions_stopped )
			&& ( ! isset( $submit->spam_level ) || (int) $submit->spam_level < $threshold )
			&& ( ! isset( $submit->status ) || ! in_array( $submit->status, array( 'spam', 'trash' ), true ) );
	}

	/**
	 * The fields of a form, which are in sections of tabs.
	 *
	 * @param object $form The form.
	 * @return Form_Field[]
	 */
	private function fields_of( $form ) {
		$fields = array();
		foreach ( isset( $form->groups ) ? (array) $form->groups : array() as $group ) {
			foreach ( isset( $group->sections ) ? (array) $group->sections : array() as $section ) {
				foreach ( isset( $section->fields ) ? (array) $section->fields : array() as $field ) {
					$fields[] = $this->read( $field );
				}
			}
		}
		return $fields;
	}

	/**
	 * A field without its value.
	 *
	 * @param object $field With id, type, label and meta.
	 * @return Form_Field
	 */
	private function read( $field ) {
		$read         = new Form_Field( $field->id, isset( $field->label ) ? (string) $field->label : '', (string) $field->type );
		$read->format = 'texteditor' === $read->type || ( 'textarea' === $read->type && isset( $field->meta->input_type_textarea ) && 'tinymce' === $field->meta->input_type_textarea ) ? Plain_Text::HTML : Plain_Text::TYPED;
		if ( 'select' === $read->type && ! empty( $field->meta->multiple ) ) {
			$read->kind = Field_Types::CHOICES;
		} elseif ( 'text' === $read->type && isset( $field->meta->autocomplete, Field_Types::AUTOCOMPLETE[ $field->meta->autocomplete ] ) ) {
			$read->kind = Field_Types::AUTOCOMPLETE[ $field->meta->autocomplete ];
		}
		return $read;
	}
}
